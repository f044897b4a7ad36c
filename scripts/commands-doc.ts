import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import {
  chainRestart,
  planAdd,
  planDeactivate,
  planLink,
  planRelease,
  planRemove,
  planRestart,
  planRestore,
  start,
} from '../src/command/plans.ts'
import { raise, schedulePause, scheduleRemove, scheduleResume, scheduleSet, scheduleUnset, trigger } from '../src/command/schedules.ts'
import {
  cancel,
  done,
  drop,
  groupAdd,
  groupSeal,
  groupSubmit,
  jobSubmit,
  pause,
  poolResume,
  redrive,
  resize,
  resume,
  retry,
  update,
} from '../src/command.ts'

/** Writes docs/commands.md from the schemas that the door checks commands with; a spec holds the file against this. */
interface Described {
  title: string
  says: string
  schema: z.ZodType
  root: string
  example: Record<string, unknown>
}

const invoice = (number: string) => ({ key: number, job: 'invoice.print', input: { number } })

const commands: Described[] = [
  {
    title: 'Submit a job',
    says: 'The same address with the same job and input is the same job, however often it is said; with other content it is a `CONFLICT`.',
    schema: jobSubmit,
    root: 'a1',
    example: { to: 'job:a1', type: 'submit', job: 'invoice.print', input: { number: '4711' } },
  },
  {
    title: 'Submit a group',
    says: 'Members finish together; the output runs once, when all have finished. Adding a key twice is adding it once.',
    schema: groupSubmit,
    root: 'march',
    example: {
      to: 'group:march',
      type: 'submit',
      members: [invoice('1'), invoice('2')],
      output: { job: 'invoice.bind', input: { title: 'March' } },
      seal: false,
    },
  },
  {
    title: 'Add members to a group',
    says: 'As long as it is not sealed. Known keys are no error; new ones after the seal are `NOT_ALLOWED`.',
    schema: groupAdd,
    root: 'march',
    example: { to: 'group:march', type: 'add', members: [invoice('3')] },
  },
  {
    title: 'Seal a group',
    says: 'No more members come. A group without `sealBy` that nobody seals stays open.',
    schema: groupSeal,
    root: 'march',
    example: { to: 'group:march', type: 'seal' },
  },
  {
    title: 'Cancel a job, a group or a chain',
    says: 'What waits is cancelled at once; a running handler is told, and the job is `cancelling` until it reacts. What has ended is `NOT_ALLOWED`.',
    schema: cancel,
    root: 'march',
    example: { to: 'group:march', type: 'cancel', reason: 'not wanted' },
  },
  {
    title: 'Retry a job',
    says: 'One that failed, was cancelled or aborted, or is held. A member is retried only while its group is open.',
    schema: retry,
    root: 'a1',
    example: { id: 'retry-a1-1', to: 'job:a1', type: 'retry' },
  },
  {
    title: 'Resume a job',
    says: 'Gives it the value of a callback that its definition declares, at any time from its submit on. The first for each name and round counts, another is a `CONFLICT`; for a round or a job that has ended it is `SUPERSEDED`. `"to":"correlation:<id>"` reaches the job that suspends with this id (and the subject has its root); what comes before is kept for a day, the first for each name, at most 32 names.',
    schema: resume,
    root: 'a1',
    example: { to: 'job:a1', type: 'resume', name: 'bank', value: { paid: true } },
  },
  {
    title: 'Update a job',
    says: 'Time, priority or input of one that is planned, waiting, queued or in backoff: what is not given stays. Else it is `NOT_ALLOWED`, and the message names the state. Submitted again as it was at first it is still the same job.',
    schema: update,
    root: 'a1',
    example: { id: 'later', to: 'job:a1', type: 'update', startAt: '2026-12-01T06:00:00+01:00', priority: 9 },
  },
  {
    title: 'End a held job by hand',
    says: 'It has succeeded with this output. In any other state it is `NOT_ALLOWED`.',
    schema: done,
    root: 'a1',
    example: { id: 'done-a1', to: 'job:a1', type: 'done', output: { pages: 3 }, reason: 'printed by hand' },
  },
  {
    title: 'Redrive a dead letter',
    says: 'A job that has failed or was aborted runs again, with new attempts, and with another input if one is given. Said again for the same `end` it runs once; with another input that is a `CONFLICT`. A member of a group is redriven only while its group is open.',
    schema: redrive,
    root: 'a1',
    example: { to: 'job:a1', type: 'redrive', end: 3, job: 'invoice.print', input: { number: '4712' }, reason: 'wrong number' },
  },
  {
    title: 'Drop a dead letter',
    says: 'It is no longer among the dead letters. The job stays as it ended, until it is removed as others that have ended.',
    schema: drop,
    root: 'a1',
    example: { to: 'job:a1', type: 'drop', end: 3, reason: 'not needed any more' },
  },
  {
    title: 'Resize a pool',
    says: 'Another capacity than hosts declare, until it is resized without one. Units in use stay so; with less, nobody gets a place until it fits.',
    schema: resize,
    root: 'printers',
    example: { to: 'pool:printers', type: 'resize', capacity: { slots: 4, printer: 2 } },
  },
  {
    title: 'Pause a pool',
    says: 'No job gets a place in it until it is resumed. It is `drained` when the last that had one has ended its run.',
    schema: pause,
    root: 'printers',
    example: { to: 'pool:printers', type: 'pause' },
  },
  {
    title: 'Resume a pool',
    says: 'Jobs get places again.',
    schema: poolResume,
    root: 'printers',
    example: { to: 'pool:printers', type: 'resume' },
  },
  {
    title: 'Start a chain',
    says: 'Besides any plan. The same address with the same input is the same instance; with another it is a `CONFLICT`.',
    schema: start,
    root: 'report',
    example: { to: 'chain:report/may', type: 'start', input: { of: 'May' } },
  },
  {
    title: 'Restart a chain',
    says: 'One that has failed, or was cancelled, goes on where it stopped. One of a plan is restarted by its plan.',
    schema: chainRestart,
    root: 'report',
    example: { id: 'again-1', to: 'chain:report/may', type: 'restart' },
  },
  {
    title: 'Remove a chain from a plan',
    says: 'It is not waited for any more; if it runs, it is told to cancel. What has succeeded is `NOT_ALLOWED`. A plan is made at the start of its date; for a later date ask `stellwerk.api.changePlan` first, with `{"date":…}`: that makes it.',
    schema: planRemove,
    root: 'Europe-Zurich',
    example: { to: 'plan:Europe-Zurich/2026-11-23', type: 'remove', target: 'B' },
  },
  {
    title: 'Deactivate a chain in a plan',
    says: 'The same, under another name: for what will be back.',
    schema: planDeactivate,
    root: 'Europe-Zurich',
    example: { to: 'plan:Europe-Zurich/2026-11-23', type: 'deactivate', target: 'I/workday' },
  },
  {
    title: 'Restore a chain in a plan',
    says: 'It is in the plan again, as it was.',
    schema: planRestore,
    root: 'Europe-Zurich',
    example: { to: 'plan:Europe-Zurich/2026-11-23', type: 'restore', target: 'B' },
  },
  {
    title: 'Release a chain in a plan',
    says: 'Its predecessors are not waited for; with `now` its time is not either.',
    schema: planRelease,
    root: 'Europe-Zurich',
    example: { to: 'plan:Europe-Zurich/2026-11-23', type: 'release', target: 'E', now: true },
  },
  {
    title: 'Restart a chain in a plan',
    says: 'What has failed, was cancelled or skipped runs again, at once: from where it failed.',
    schema: planRestart,
    root: 'Europe-Zurich',
    example: { id: 'restart-B-1', to: 'plan:Europe-Zurich/2026-11-23', type: 'restart', target: 'B' },
  },
  {
    title: 'Change dependencies in a plan',
    says: 'What has not started comes after these chains, and no others. Unknown names and circles are refused.',
    schema: planLink,
    root: 'Europe-Zurich',
    example: { to: 'plan:Europe-Zurich/2026-11-23', type: 'link', target: 'E', after: ['B', 'B2'] },
  },
  {
    title: 'Add a chain to a plan, or change it there',
    says: 'These runs instead of what the plan has of it. The chain must have been published by a host.',
    schema: planAdd,
    root: 'Europe-Zurich',
    example: {
      to: 'plan:Europe-Zurich/2026-11-23',
      type: 'add',
      chain: 'B2',
      runs: [{ calendar: { name: 'mondays', timezone: 'Europe/Zurich', days: ['mon'] }, at: '18:45' }],
    },
  },
  {
    title: 'Set a schedule',
    says: 'A job or a chain, by `cron`, `every` or `on`. It counts before what hosts declare, until it is unset. All of it together has at most 16 KB.',
    schema: scheduleSet,
    root: 'nightly',
    example: {
      to: 'schedule:nightly',
      type: 'set',
      cron: '30 2 * * mon-fri',
      timezone: 'Europe/Zurich',
      job: 'invoice.print',
      input: { number: '1' },
    },
  },
  {
    title: 'Unset a schedule',
    says: 'Again as hosts declare it. One that no host declares is `NOT_ALLOWED`: remove it.',
    schema: scheduleUnset,
    root: 'nightly',
    example: { to: 'schedule:nightly', type: 'unset' },
  },
  {
    title: 'Pause a schedule',
    says: 'It starts nothing until it is resumed; times between are not made up for.',
    schema: schedulePause,
    root: 'nightly',
    example: { to: 'schedule:nightly', type: 'pause' },
  },
  {
    title: 'Resume a schedule',
    says: 'Its times from now on.',
    schema: scheduleResume,
    root: 'nightly',
    example: { to: 'schedule:nightly', type: 'resume' },
  },
  {
    title: 'Trigger a schedule',
    says: 'Starts what it starts, now, as `job:<schedule>/<as>` or `chain:<name>/<schedule>/_<as>`: once for each `as`.',
    schema: trigger,
    root: 'nightly',
    example: { to: 'schedule:nightly', type: 'trigger', as: 'by-hand-1' },
  },
  {
    title: 'Remove a schedule',
    says: 'It starts nothing any more, though hosts declare it; `set` makes it anew.',
    schema: scheduleRemove,
    root: 'nightly',
    example: { to: 'schedule:nightly', type: 'remove' },
  },
  {
    title: 'Raise an event',
    says: 'Starts whatever waits for it (`on`), once for each `as`. What begins to wait later does not hear of it.',
    schema: raise,
    root: 'file-arrived',
    example: { to: 'topic:file-arrived', type: 'raise', as: 'file-17', data: { name: 'a.csv' } },
  },
]

const intro = `# Commands over NATS

<!-- Made by scripts/commands-doc.ts from src/command.ts: change those, not this. -->

Any program that can publish to NATS can submit work. Nothing of this package is needed for it, and no host need be up: a command that
the stream has is applied when one is. The namespace is \`stellwerk\` here, as it is by default.

Publish to \`stellwerk.command.<root>\`, where the root is the first segment of the id in \`to\`: \`job:a1\`, \`group:a1\` and \`job:a1/3\` all
have the root \`a1\`. The message is JSON: one command, or an array of them that all have this root.

- **Is it safe?** Publish with a reply subject (\`nats request\` does): the stream answers \`{"stream":…,"seq":…}\` once the command is on disk.
  Without one, a message that no stream takes is lost without a word.
- **Once.** With an \`id\`, its target applies a command once, however often it is published. (Where hundreds come to one target, a repeat is known
  for an hour; where thousands do, among the newest thousand at least.) Without one it is applied once per publish: harmless for submit, add
  and seal, which say what is to be.
- **The outcome.** With \`reply\`, a NATS subject such as an inbox, the outcome is published there once it is committed:
  \`{"ok":true,"id":…,"to":…,"state":…,"version":…}\` or \`{"ok":false,"id":…,"to":…,"error":{"code":…,"message":…,"issues":[…]}}\`.
  It is said once, and only to who listens then.
- **Refused.** What is wrong is stored nowhere but in the stream \`stellwerk-dead\`, on \`stellwerk.dead.<type>.<id>\`, with the reason:
  \`NOT_JSON\`, \`VALIDATION\` (the message and \`issues\` name each field), \`ADDRESS\` (another root than the subject), \`CONFLICT\` (the id exists
  with other content, or a callback was given before), \`SUPERSEDED\` (the round of a callback has ended), \`NOT_FOUND\` (no such job is published, or no such actor), \`NOT_ALLOWED\` (not in this state).
- **Sizes.** An input has at most 512 KB. A message brings at most 1000 commands (of more none is applied, and each that has a \`reply\` is told), a command at most 250 members, and all members of one
  message together at most about 190 KB (inputs of more than 16 KB hardly count): send larger groups with \`seal: false\` and \`add\`.

## As requests

\`stellwerk.api.submit\`, \`.add\`, \`.seal\`, \`.cancel\`, \`.retry\`, \`.resume\`, \`.update\`, \`.done\`, \`.redrive\`, \`.drop\`, \`.resize\`, \`.pause\`, \`.start\`, \`.restart\`, \`.remove\`, \`.deactivate\`, \`.restore\`, \`.link\`, \`.release\`, \`.set\`, \`.unset\`, \`.trigger\` and \`.raise\` take the same body (one command, no array; the \`type\` may be left out) as a NATS request, and answer
\`{"ok":true,"to":…,"state":…}\` or \`{"ok":false,"error":{…}}\` once the outcome is committed, or with code \`TIMEOUT\` after 10 s: then it may still
be applied. A host must be up. \`stellwerk.api.get\`, \`.why\` and \`.history\` take \`{"address":"job:a1"}\`, \`.find\` takes
\`{"query":{"type":"job","state":"failed"}}\`. An answer of \`.history\` or \`.find\` that has an \`after\` is a part: ask again with that \`after\`
in the request until there is none. (The last part of a history has the snapshot.) \`.stuck\` counts what waits for an operator, by type and state; it too may come in parts, to be added up. \`.plan\` takes \`{"date":"2026-11-23"}\` (and a \`zone\`, if there are several) and answers with the \`rows\` of that plan, made or not, in parts. \`.changes\`, and the feed that says when to ask: [events](events.md).

\`\`\`sh
nats request stellwerk.api.submit '{"to":"job:a1","job":"invoice.print","input":{"number":"4711"}}'
nats request stellwerk.api.get '{"address":"job:a1"}'
\`\`\`

## Dead letters

\`stellwerk.api.deadLetters\` takes \`{"query":{"job":"invoice.print","code":"TIMEOUT","since":"2026-11-23T00:00:00+01:00"},"after":…,"limit":100}\` and answers
\`{"ok":true,"letters":[{"id":…,"kind":"job"|"event","at":…,"to":…,"code":…,"message":…}],"after":…}\`; \`.deadLetter\` takes \`{"letter":"<id>"}\` and answers with its input, the error of each run
(\`runs\`), or what came (\`body\`). \`.redriveLetters\` and \`.dropLetters\` take \`{"letters":[ids]}\` (100 at most; with one of them an \`input\`), or \`{"query":{…},"after":…}\` for the next 100 that match, and a
\`reason\`; they answer \`{"ok":true,"done":…,"refused":[{"letter":…,"code":…,"message":…}],"after":…}\`: as long as there is an \`after\`, ask again with it. All of them may be asked twice. One job is also redriven by the command below, with no host up.

\`\`\`sh
nats request stellwerk.api.redriveLetters '{"letters":["job:a1@3"],"input":{"number":"4712"},"reason":"wrong number"}'
\`\`\`

## From Python

Nothing has to be installed (\`docs/command.py\`). It prints what answers: to a command that is the stream, which has it; to a request (\`stellwerk.api.submit\`) the outcome:

`

const python = '```python\n{program}```\n\n```sh\n{example}\n```\n'

const one = ({ title, says, schema, root, example }: Described): string => {
  const { $schema: _, ...plain } = z.toJSONSchema(schema, { io: 'input' })
  return `## ${title}

${says}

\`\`\`sh
nats request stellwerk.command.${root} '${JSON.stringify(example)}'
\`\`\`

<details><summary>JSON Schema</summary>

\`\`\`json
${JSON.stringify(plain, null, 2)}
\`\`\`

</details>
`
}

/** Examples in the document that are commands: a spec checks that the door takes them. */
export const examples = commands.map(({ example }) => example)

export function commandsDoc(): string {
  const program = readFileSync(new URL('../docs/command.py', import.meta.url), 'utf8')
  const example = `echo '${JSON.stringify(examples[0])}' | python3 command.py nats://localhost:4222 stellwerk.command.a1`
  return [intro + python.replace('{program}', () => program).replace('{example}', () => example), ...commands.map(one)].join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(new URL('../docs/commands.md', import.meta.url), commandsDoc())
