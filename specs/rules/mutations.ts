import { join } from 'node:path'

/** A rule, switched off: what is replaced in which file, and the specs that must fail then (`file: beginning of the test's name`; a file of this folder, or a path from `specs`). */
export interface Mutation {
  rule: string
  edits: readonly Edit[]
  specs: readonly string[]
}

interface Edit {
  file: string
  find: string
  replace: string
}

export function specFile(spec: string): string {
  const name = spec.slice(0, spec.indexOf(': '))
  return name.includes('/') ? join('specs', `${name}.spec.ts`) : `specs/rules/${name}.int.spec.ts`
}

/** How the name of the test begins. */
export const specName = (spec: string): string => spec.slice(spec.indexOf(': ') + 2)

const turn = 'src/host/turn.ts'
const apply = 'src/host/turn/apply.ts'
const commit = 'src/host/turn/commit.ts'
const send = 'src/host/turn/send.ts'
const dueTimes = 'src/host/due-times.ts'
const partition = 'src/host/partition.ts'
const worker = 'src/host/worker.ts'
const claims = 'src/host/worker/claims.ts'
const readyLine = 'src/host/worker/ready.ts'
const losses = 'src/host/losses.ts'
const liveness = 'src/host/liveness.ts'
const ownership = 'src/host/ownership.ts'
const job = 'actors/job.ts'
const pending = 'actors/job/pending.ts'
const active = 'actors/job/active.ts'
const endedState = 'actors/job/ended.ts'
const outcomes = 'actors/job/outcomes.ts'
const jobSetup = 'actors/job/setup.ts'
const jobRuns = 'actors/job/runs.ts'
const group = 'actors/group.ts'
const groupSetup = 'actors/group/setup.ts'
const members = 'actors/members.ts'
const suspension = 'actors/job/suspension.ts'
const correlation = 'actors/correlation.ts'

const off = (rule: string, file: string, find: string, replace: string, ...specs: string[]): Mutation => ({
  rule,
  edits: [{ file, find, replace }],
  specs,
})

const delivery: Mutation[] = [
  off(
    'F1 marks are numbers of events, not versions',
    send,
    'inc: doc.inc, n: entry.n }',
    'inc: doc.inc, n: doc.version }',
    'duplicates: F1',
  ),
  off('F2 a sequence counts for a whole frame', apply, 'const inbox = t.before?.inbox', 'const inbox = t.draft.inbox', 'duplicates: F2'),
  off(
    'F3 the path depends on the addresses only',
    send,
    'if (target === partition.number)',
    'if (target === partition.number || (partition as unknown as { owned: Map<number, unknown> }).owned.has(target))',
    'order: F3',
  ),
  off(
    'F4 what a timer made stays due until it has arrived',
    commit,
    'wake(draft, !partition.store.atomicTurns && (turn.frameless || before?.wakeAt === 0))',
    'wake(draft, false)',
    'takeover: F4 a timer',
    'takeover: F4 the same',
    'everywhere: a death',
  ),
  off('P12 and not for ever', turn, '  await clearStranded(partition, turn)\n', '', 'takeover: F4 a timer'),
  {
    rule: 'F5 the older first',
    edits: [
      {
        file: turn,
        find: '    turn.touched.add(doc._id)\n    route(partition, turn, cached)\n',
        replace: '    turn.touched.add(doc._id)\n',
      },
      {
        file: commit,
        find: '    route(partition, turn, t.cached)\n  }\n  for (const [item, outcome]',
        replace: `    const old = (n: number) => Number(n <= (t.before?.n ?? 0))
    const outbox = [...t.draft.outbox].sort((one, other) => old(one.n) - old(other.n))
    route(partition, turn, { ...t.cached, doc: { ...t.draft, outbox } })
  }
  for (const [item, outcome]`,
      },
      { file: apply, find: '    if (t.cached) route(partition, turn, t.cached)\n', replace: '' },
    ],
    specs: ['order: F5 a document'],
  },
  off(
    'F5 a frame is named by all that it holds',
    send,
    'id: nameOf(events)',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: source text
    'id: `${events[0]!.inc}.${events[0]!.n}`',
    'order: F5 a document',
    'order: F5 an event',
    'everywhere: a death',
  ),
  off(
    'F6 nothing is known delivered before the turn is complete',
    commit,
    'for (const [item, outcome] of t.outcomes) {\n',
    'for (const [item, outcome] of t.outcomes) {\n    if (item.from) partition.cache.delivered(...item.from)\n',
    'order: F6',
    'everywhere: a death',
  ),
  off(
    'F7 each entry at most once a turn',
    send,
    'if (known.has(entry.n) || turn.routed.has(key)) continue',
    'if (known.has(entry.n)) continue',
    'order: F7',
  ),
  off(
    'F8 a refusal is written',
    apply,
    'if (item.claim && outcome.refused.length) return',
    'if (outcome.refused.length || outcome.rejected) return',
    'duplicates: F8',
    'duplicates: P5 what changes nothing',
  ),
  off(
    'F9 a throw is recorded as applied',
    apply,
    '  if (item.claim && outcome.refused.length) return\n',
    `  if (outcome.rejected?.code === 'MACHINE_THREW') {
    const letter = { id: 'threw', to: envelope.to, reason: outcome.rejected, body: envelope, at: 0 }
    return void turn.letters.push({ letter })
  }
  if (item.claim && outcome.refused.length) return
`,
    'duplicates: F9 an event that broke',
  ),
  off(
    'P5 a refusal after the creation is not one of the creation',
    apply,
    '!t.before && !t.changed && outcome.rejected',
    '!t.before && outcome.rejected',
    'duplicates: P5 an event after',
  ),
  off(
    'F10 a publish that fails ends the turn',
    send,
    'await partition.bus.publish(frames)',
    'await partition.bus.publish(frames).catch(() => {})',
    'order: F10 a publish',
  ),
  off('F10 for clients', 'src/sender.ts', 'unsent.unshift(...batch)', 'unsent.push(...batch)', 'order: F10 a client'),
  off(
    'F11 numbers of clients',
    apply,
    'return mark !== undefined && envelope.n! <= mark',
    'return false',
    'duplicates: F11',
    'everywhere: a death',
  ),
  {
    rule: 'F13 marks by incarnation',
    edits: [
      { file: apply, find: 'markOf(t.draft.inbox, envelope.inc)', replace: 'markOf(t.draft.inbox, envelope.from!)' },
      { file: apply, find: 'mark(draft.inbox, envelope.inc,', replace: 'mark(draft.inbox, envelope.from!,' },
    ],
    specs: ['duplicates: F13'],
  },
  off(
    'F14 a commit id for every attempt',
    commit,
    'draft.commit = partition.uniqueId()',
    'draft.commit = ((turn as unknown as { id?: string }).id ??= partition.uniqueId()) + draft._id',
    'duplicates: F14',
  ),
  off('F15 version and commit', 'src/store/match.ts', ' && present.commit === base.commit', '', 'duplicates: F15'),
  off('P2 a write that was not mine is void', commit, 'if (mine.get(t) === false)', 'if (!mine)', 'everywhere: a host that stands still'),
  off(
    'P3 sequences by epoch',
    apply,
    '(epoch! < inbox.epoch || (epoch === inbox.epoch && sequence <= inbox.sequence))',
    'sequence <= inbox.sequence',
    'duplicates: P3',
  ),
  off('P4 timers by generation', apply, ' && candidate.generation === timer.generation', '', 'takeover: P4'),
  off('P6 what is delivered is left out', commit, 'if (cached?.known.size)', 'if (!cached)', 'order: P6'),
  {
    rule: 'P7 what is met is sent on',
    edits: [
      {
        file: turn,
        find: '    turn.touched.add(doc._id)\n    route(partition, turn, cached)\n',
        replace: '    turn.touched.add(doc._id)\n',
      },
      { file: apply, find: '    if (t.cached) route(partition, turn, t.cached)\n', replace: '' },
    ],
    specs: ['order: P11', 'order: F6', 'everywhere: a death'],
  },
  off(
    'P11 acknowledged last',
    turn,
    '  await publish(partition, turn).catch(',
    '  partition.acknowledge(collected.sequences)\n  await publish(partition, turn).catch(',
    'order: P11',
    'everywhere: a second death',
  ),
  off('F16 a second scan', dueTimes, '      scanLater(lateWrite, whenTakenOver)\n', '', "takeover: F16 a late owner's timer lands after"),
  off(
    'F16 what is cached may be older',
    dueTimes,
    'if (version > cached) cache.evict(_id)',
    '',
    "takeover: F16 a late owner's timer lands on",
  ),
  off(
    'F16 of open work as well',
    dueTimes,
    'scanLater(lateWrite, whenTakenOver)',
    'scanLater(lateWrite, soon)',
    "takeover: F16 a late owner's grant",
  ),
  off('P13 what a scan has read may be older', dueTimes, 'if (version < cached) continue', '', 'takeover: P13 a scan'),
  off('P13 due times in order', dueTimes, '.sort((a, b) => a.at - b.at)', '', 'takeover: P13 timers'),
  off(
    'P13 a takeover that fails ends',
    partition,
    '    await partition.stop()\n    throw error\n',
    '    throw error\n',
    'takeover: P13 a takeover',
  ),
  off(
    'P14 without its consumer a partition stops',
    partition,
    'lost: (reason) => partition.giveUp(new UnavailableError(reason))',
    'lost: () => {}',
    'takeover: P14 a consumer that is gone stops',
  ),
  off(
    'P14 during the takeover as well',
    partition,
    'if (stopped) throw new',
    'if (!number && !bus) throw new',
    'takeover: P14 a consumer that is gone before',
  ),
  off(
    'F17 an earlier consumer cannot acknowledge',
    'src/bus/embedded/frames.ts',
    'if (partition.consumer === consumer) acknowledge(',
    'acknowledge(',
    'takeover: F17',
  ),
]

const runs: Mutation[] = [
  off(
    'R1 F18 Q1 one claim is granted',
    jobSetup,
    "args.event.type === 'claim' && isCurrent(args)",
    "args.event.type === 'claim'",
    'runs: F18',
  ),
  off(
    'Q1 told once committed',
    apply,
    '  t.changed = true\n',
    '  t.changed = true\n  item.claim?.answer(outcome.grants[0])\n',
    'runs: Q1 a grant',
    'runs: Q1 a late owner',
  ),
  off(
    'Q2 acknowledged once answered',
    claims,
    '    if (jobs.length) backlog.push',
    '    offer.acknowledge()\n    if (jobs.length) backlog.push',
    'runs: Q2 an offer',
  ),
  off(
    'Q2 remembered',
    claims,
    '.filter(([address, dispatch]) => !runs.has(keyOf(address, dispatch)))',
    '.slice()',
    'runs: Q2 a second copy',
  ),
  off(
    'Q3 within the lease',
    readyLine,
    'if (parts.stopping() || clock.monotonic() - since >= lease)',
    'if (parts.stopping())',
    'runs: Q3 a grant',
  ),
  off(
    'Q3 also if granted at once',
    readyLine,
    'if (parts.stopping() || clock.monotonic() - since >= lease)',
    'if (parts.stopping())',
    'runs: Q3 a run',
  ),
  off('Q4 given back', readyLine, 'since >= lease) giveBack(run)', 'since >= lease) slots.unclaim()', 'runs: Q4'),
  off(
    'Q5 a number for every queueing',
    jobSetup,
    'dispatch: context.dispatch + 1',
    'dispatch: context.dispatch || 1',
    'runs: Q5 every',
    'runs: F21',
  ),
  off('Q5 from the holder', jobRuns, ' && run.worker === event.worker', '', 'runs: Q5 a refused'),
  off('F21 results by dispatch', jobRuns, ' && run.dispatch === event.dispatch', '', 'runs: F21'),
  off(
    'Q6 a full lease from a new owner',
    'src/host/leases.ts',
    '? 0 : clock.monotonic() + length',
    '? 0 : work.at + length',
    'runs: Q6 a new owner',
  ),
  off(
    'Q6 claims are listed',
    worker,
    'stopping: told, until })\n',
    "stopping: told, until })\n    if (run.state === 'claiming') heart.delete(key)\n",
    'runs: Q6 a claimed',
  ),
  off('Q6 leases stand still', losses, 'leases.renewAll()', '{}', 'runs: Q6 while'),
  off('Q6 also after the outage', liveness, 'clock.monotonic() - steadySince)', 'Number.POSITIVE_INFINITY)', 'steady: Q6 an outage'),
  off('Q6 a beat is no outage', liveness, 'const gap = 1.2 * beat', 'const gap = 0.8 * beat', 'steady: Q6 a healthy'),
  off('Q5 claimed ahead, not for long', readyLine, 'clock.at(clock.now() + patience, giveBackOld)', '() => {}', 'ahead: what was claimed'),
  off('Q5 no more handlers than slots', readyLine, '(slots.free || parts.stopping())', 'true', 'ahead: there are never'),
  off('Q5 ahead only of what is quick', 'src/host/slots.ts', 'clock.monotonic() - lastFree)', '0)', 'ahead: nothing'),
  off('P13 what was learnt meanwhile', ownership, '      look(partition)\n    } catch', '    } catch', 'ownership: four hosts'),
  off('P13 a hand-over that failed', ownership, 'else if (holder === name) during(partition, release)', '', 'ownership: hosts that'),
  off('Q7 after what is in the stream', losses, 'await partition.drained()', '', 'runs: Q7'),
  off(
    'Q8 the last run stays current',
    jobSetup,
    'run: context.run && { ...context.run, lapsed: true }',
    'run: undefined',
    'runs: Q8 a success after its loss was recorded, nothing newer granted: queued',
    'runs: Q8 a success after its loss was recorded, nothing newer granted: held',
  ),
  off(
    'Q8 a late failure changes nothing',
    outcomes,
    "  { guard: 'current', actions: 'forgetRun' },\n] as const",
    '  ...afterRun,\n] as const',
    'runs: Q8 a failure',
  ),
  off('Q9 kept', 'src/host/results.ts', 'unsent.unshift(...keys)', '', 'runs: Q9 a result that cannot'),
  off('Q9 sent again', worker, 'results.repeat(key)', '{}', 'runs: Q9 a result that was lost'),
  off('Q9 answers to what was listed', worker, ' || run.begun !== begun', '', 'runs: Q9 a heartbeat'),
]

const heart = 'src/host/heart.ts'
const blocked: Mutation[] = [
  off('Q10 no longer listed', heart, 'if (run.until !== undefined && run.until <= now()) continue', '', 'blocked: Q10'),
  off('Q15 given back', heart, ' || standIn.giveBack(run)', '', 'blocked: Q15 what is granted'),
  off(
    'Q15 begin is a compare-and-set',
    worker,
    'run.begun = heart.begin(keyOf(run.address, run.dispatch))',
    'run.begun = heart.begin(keyOf(run.address, run.dispatch)) || true',
    'blocked: Q15 what is granted',
  ),
  off('Q15 not what has begun', heart, 'standIn.giveBack(run)', 'true', 'blocked: Q15 what has begun'),
  off('Q15 returned is sent', heart, 'if (result) void', 'if (result && !standIn) void', 'blocked: Q15 what has returned'),
]

const survival: Mutation[] = [
  off('E4 late results are told apart', jobRuns, ' && run.dispatch === event.dispatch', '', 'survival: E4: a result that was'),
  off('E4 counted', commit, 'partition.counts.superseded++', '', 'survival: E4: a result that was'),
  off(
    'E4 told by the signal',
    worker,
    'run.abort.abort(new SupersededError(',
    'new Array(new SupersededError(',
    'survival: E4: a frozen worker',
  ),
  off(
    'Q12 a claim that nothing began is free',
    jobRuns,
    '!begun && attempts.unbegun < freeLosses',
    '!begun && !attempts',
    'survival: E4: all who claim',
  ),
  off('E3 a lease that ended', losses, 'if (still.has(run) && !stopped) record(run)', '', "survival: E3: overdue because its worker's"),
  off(
    'E3 a time that has passed',
    dueTimes,
    'const queued = await scan(whenTakenOver)',
    'const queued: Waiting[] = []',
    'survival: E3: overdue because its time',
    './at-start.int: what is lost',
  ),
  off('E3 Q11 in no stream', 'src/host/reconcile.ts', 'await partition.offer(lost)', '', 'survival: E3: overdue because its work'),
  off('R6 kept while NATS is away', 'src/host/results.ts', 'unsent.unshift(...keys)', '', 'survival: R6: NATS'),
  off('R6 leases stand still', losses, 'leases.renewAll()', '{}', 'survival: R6: NATS'),
  off('W4 Q13 at once', pending, "    cancel: { target: '#cancelled', actions: 'noteCancel' },\n", '', 'survival: W4 Q13'),
  off('W4 told by heartbeats', 'src/host/leases.ts', "lease.cancelling ? 'cancel' : 'go'", "'go'", 'survival: W4: cancelling'),
]

const shutdown: Mutation[] = [
  off('W5 handlers are told', worker, 'run.abort.abort(shutdownReason())', '', 'shutdown: W5: a handler that throws the reason'),
  off('W5 visibly', active, "        stopping: { guard: 'current', target: '#stopping' },\n", '', 'shutdown: W5: a handler that goes on'),
  off('W5 no attempt is lost', jobSetup, "['back', 'unbegun']", "['unbegun']", 'shutdown: W5: a handler that throws the reason'),
  off(
    'W5 ends anyway',
    worker,
    'within(clock, end - clock.monotonic(), settled)',
    'settled.then(() => true)',
    'shutdown: W5: after its grace',
  ),
  off('W5 no new starts', worker, 'stopping: () => stopping', 'stopping: () => false', 'shutdown: W5: while handlers'),
  off('E8 given back', readyLine, 'if (parts.stopping() || clock', 'if (clock', 'shutdown: E8'),
]

const groups: Mutation[] = [
  off('F19 ends by round', members, ' || round !== (members.rounds[index] ?? 0)', '', 'groups: F19'),
  off('R7 Q40 by key', members, 'if (!isKnown(known[member.key])) fresh.set', 'fresh.set', 'groups: Q40'),
  off(
    'Q40 also while sealed',
    groupSetup,
    'context.sealed && !added(event).every(({ key }) => isKnown(known(event)[key]))',
    'context.sealed',
    'groups: Q40',
  ),
  off(
    'R7 Q41 an end creates its group',
    group,
    "creates: new Set(['submit', 'ended', 'follow'])",
    "creates: new Set(['submit'])",
    'groups: Q41',
  ),
  off(
    'Q41 who has ended says so again',
    endedState,
    "submit: { guard: 'joins', actions: ['join', { type: 'send', params: end }] }",
    "submit: { guard: 'joins', actions: 'join' }",
    'groups: Q41',
  ),
  off(
    'Q42 decided by the group',
    endedState,
    "    { guard: 'inGroup', actions: { type: 'send', params: askGroup } },\n",
    '',
    'groups: Q42 a member is retried',
  ),
  off(
    'Q42 not while cancelling',
    members,
    'if (members.sweeping !== undefined) return { members, out: [notAgain(',
    'if (members.total < 0) return { members, out: [notAgain(',
    'groups: Q42 no member',
    'retries: the group is cancelled',
  ),
  off('Q42 in the window', members, 'again(to, round, window && true)', 'again(to, round)', 'groups: Q42 Q45'),
  off('Q42 answered by the group', commit, ' && !outcome?.passedOn', '', 'retries: the group is closed', 'retries: asked in the turn'),
  off(
    'Q42 a repeat is answered the same',
    apply,
    'const before = answerBefore(partition, t, item)',
    'const before = undefined',
    'retries: a repeat',
    'retries: the host dies',
  ),
  off(
    'R2 Q43 in the write of the last end',
    groupSetup,
    'complete: ({ context }) => context.sealed',
    "complete: ({ context, event }) => event.type !== 'ended' && context.sealed",
    'groups: Q43 the last end',
    'groups: F19',
  ),
  off(
    'Q43 not before the seal',
    groupSetup,
    'complete: ({ context }) => context.sealed && allFinished',
    'complete: ({ context }) => allFinished',
    'groups: Q43 the write',
  ),
  off(
    'Q44 added to be cancelled',
    members,
    'members.window || members.sweeping !== undefined ? true',
    'members.window ? true',
    'groups: Q44',
  ),
  off('Q45 a place is given back', members, 'active: window.active - (begun ? 1 : 0)', 'active: window.active', 'groups: Q45'),
  off(
    'Q45 no more than allowed',
    members,
    'while (window.active < window.concurrency)',
    'while (window.active <= window.concurrency)',
    'groups: Q45',
  ),
  off(
    'Q46 the group cancels who has not begun',
    members,
    'within(members.unfinished, first, first + keys.length).map',
    'within(members.unfinished, first, first + keys.length).filter((i) => !members.window || i < members.window.next).map',
    'groups: Q46',
  ),
]

const changes: Mutation[] = [
  off(
    'E7 a watch looks again without news',
    'src/client/news.ts',
    'clock.now() + lookAgain',
    'clock.now() + 1e12',
    'changes: E7: what the feed loses',
  ),
  off('E7 a watch is woken by news', 'src/client/news.ts', '      heard = true\n      wake()', '', 'changes: E7: told at once'),
  off('E7 a watch begins before it asks', 'src/client/news.ts', 'heard = true', 'heard = false', 'changes: E7: told at once, whatever'),
  off(
    'E7 the state before is known',
    'src/host/changes.ts',
    'firstVersionOf(doc._id, id) < from',
    'firstVersionOf(doc._id, id) <= from',
    'changes: E7: a group',
  ),
  off('E7 an answer ends between versions', 'src/host/changes.ts', 'next ?? (toTheEnd', '(toTheEnd', 'changes: E7: a watch of a long'),
  off(
    'E7 only changes of state',
    'src/host/changes.ts',
    'entry.state === undefined || entry.state === state',
    'entry.state === undefined',
    'changes: E7: a group',
  ),
  off(
    'E7 an actor made anew is another',
    'src/client/watch.ts',
    'request.inc === undefined && request.from <= 1',
    'true',
    'changes: E7: what was removed',
  ),
  off(
    'E7 a listener that throws harms nothing',
    'src/host/events.ts',
    'await listener({ ...change })\n    } catch (error) {',
    'await listener({ ...change })\n    } catch (error) {\n      throw error',
    'changes: E7: a host tells',
  ),
  off('E7 no progress after the end', 'src/host/run.ts', '    over = true\n', '', 'changes: E7: progress'),
  off('E4 no progress of what was not heard of', 'src/host/run.ts', 'isHeard() &&', '', 'changes: E4 E7'),
  off(
    'E7 no progress of a superseded run',
    'src/host/run.ts',
    "?.code !== 'SUPERSEDED'",
    "?.code !== ''",
    'changes: E7: a run that is known',
  ),
]

const jobUpdate = 'actors/job/update.ts'
const updates: Mutation[] = [
  off(
    'W7 a new priority is a new offer',
    pending,
    "target: '#queued', reenter: true, actions: 'change'",
    "actions: 'change'",
    'updates: W7: a queued job',
  ),
  off('W7 a new time is a new timer', jobUpdate, "target: '#planned', reenter: true", "target: '#planned'", 'updates: W7: a planned job'),
  off(
    'W7 what may return keeps its input',
    jobUpdate,
    'return (!!args.context.run || round > 1 || !!resuming) &&',
    'return !args &&',
    'updates: W7: what was lost',
  ),
  off(
    'W7 an input is checked by its own contract',
    jobUpdate,
    'update(args).job !== args.context.job',
    '!args',
    'updates: W7: as a command',
  ),
  off('W7 a time is kept while it waits', jobUpdate, '(context.startAt ?? 0) > event.at', '!context && !event', 'updates: W7: a member'),
  off('W7 large inputs leave the event', 'src/host/door.ts', "'update', 'redrive'", "'redrive'", 'updates: W7: a large input'),
]

const suspends: Mutation[] = [
  off(
    'Q30 kept from the submit on',
    job,
    "      { actions: ['keepCallback', { type: 'send', params: answerVia(taken) }] },",
    '',
    'suspend: Q30 a callback',
    'suspend: Q33',
  ),
  off('Q30 the first wins', suspension, 'if (Object.hasOwn(now.values, name))', 'if (false)', 'suspend: Q30 the first'),
  {
    rule: 'Q31 the round ends when the claim is granted, not when the resume is decided',
    edits: [
      {
        file: suspension,
        find: "export const resumed = ({ context }: Args, resuming: 'met' | 'deadline'): Rounds => ({ ...roundsOf(context), resuming })",
        replace:
          "export const resumed = (args: Args, resuming: 'met' | 'deadline'): Rounds => entered({ ...args, context: { ...args.context, rounds: { ...roundsOf(args.context), resuming } } })!",
      },
    ],
    specs: ['suspend: Q31'],
  },
  off(
    'Q32 what an entry was given stays',
    suspension,
    'if (!now?.resuming) return now',
    'if (!now?.resuming) return now && { ...now, given: {} }',
    'suspend: Q32',
  ),
  off('Q32 and nothing is added to it', suspension, 'if (!now?.resuming) return now', 'if (!now) return now', 'suspend: Q32'),
  off('Q33 tests at once', suspension, 'suspends(args) && isMet(suspended(args))', 'false', 'suspend: Q33', 'suspend: Q8'),
  off('Q34 the deadline goes with its suspend', 'src/decide.ts', 'if (at >= 0) here.timers.splice(at, 1)', '', 'suspend: Q34'),
  off(
    'R4 the deadline goes with an operator’s retry',
    'actors/job/pending.ts',
    "guard: 'isOverdue', ",
    '',
    './deadline.int: held, and run again',
  ),
  off('Q34 with the fallback of what has not come', suspension, "if (now.resuming === 'deadline')", 'if (false)', 'suspend: Q34'),
  off(
    'Q8 a late suspend counts',
    outcomes,
    "lateResult = [\n  { guard: 'returned', target: '#succeeded', actions: 'succeed' },\n  ...afterSuspend,\n",
    "lateResult = [\n  { guard: 'returned', target: '#succeeded', actions: 'succeed' },\n",
    'suspend: Q8',
  ),
  off(
    'E6 W5 a run that stops may suspend',
    active,
    "      id: 'stopping',\n      after: overdue,\n      on: {\n        result: [...afterRun]",
    "      id: 'stopping',\n      after: overdue,\n      on: {\n        result: afterRun.filter(({ guard }) => !guard.startsWith('suspends')) as never",
    'suspend: W5',
    './suspend.int: E6 W5',
  ),
  off(
    'E6 W1 a suspend that comes late gives units back',
    pending,
    "id: 'suspended',\n      entry: leavesPool,",
    "id: 'suspended',",
    'suspend: W1',
  ),
  off(
    'Q35 kept before it is registered',
    correlation,
    'return { effects: context.kept.map(send) }',
    'return { effects: context.kept.slice(0, 0).map(send) }',
    'suspend: Q35 a correlation id keeps',
  ),
  off(
    'Q35 passed on with its round',
    correlation,
    'name, value, round, via: self }',
    'name, value, round: undefined, via: self }',
    'suspend: Q35 and passes on',
  ),
  off('Q35 one job at a time', correlation, "guard: 'mine', actions: 'register'", "actions: 'register'", 'suspend: Q35 one job'),
  off('Q35 released at the end', endedState, "  entry: { type: 'send', params: release },\n", '', 'suspend: Q35 the job registers'),
]

/** What stands in no rule of its own. */
const requirements: Mutation[] = [
  off(
    'R1 R5 held, it is never run again by itself',
    active,
    "  { guard: 'lostAndHeld', target: '#held', actions: 'lapse' },\n",
    '',
    'machines/job.unit: running: loss, onLost hold',
  ),
  off(
    'R3 no output of what did not succeed',
    group,
    "        { guard: 'completeAndFailed', target: 'failed' },\n",
    '',
    './group.int: all-succeeded and a member',
  ),
  off(
    'E1 what a job is outlives its hosts',
    'src/embedded.ts',
    "key.startsWith('contract.') ||",
    '',
    './contracts-kept.int: a job is submitted',
  ),
  off('E5 what a dead host owned is taken over', ownership, 'return dead === true', 'return false', 'ownership: hosts that'),
  off(
    'W6 one process at a time in a folder',
    'src/store/folder-lock.ts',
    'if (!holder) {',
    'if (holder !== null) {',
    './folder-hosts.e2e: W6',
  ),
  off(
    'W3 the end of a job lets the next begin',
    worker,
    '    line.startReady()\n    claims.refill()',
    '    line.startReady()',
    './event-driven.int: W3: a slot',
  ),
  off(
    'W3 the timer is set to the next time',
    'src/host/timers.ts',
    'if (wakeAt < earliest) arm(wakeAt)',
    'if (wakeAt < earliest) arm(Math.ceil(wakeAt / 60_000) * 60_000)',
    './event-driven.int: W3: a slot',
  ),
  off(
    'W4 a group is cancelled with its members',
    group,
    "cancel: { actions: ['noteCancel', 'cancelRest', ...emit] }",
    "cancel: { actions: 'noteCancel' }",
    './group.int: a cancelled group: all',
  ),
]

const sender = 'src/sender.ts'
const outages: Mutation[] = [
  off(
    'E9 a silent store is told soon',
    'src/host/api.ts',
    'await whileReached(answer(request as Request))',
    'await answer(request as Request)',
    './questions.int: E9 a store that says nothing',
  ),
  off(
    'E9 a slow store is not a silent one',
    'src/host/reach.ts',
    'then(over,',
    'then(() => {},',
    './questions.int: E9 a store that is slow',
  ),
  off(
    'E9 a folder is tried again',
    'src/store/folder/writer.ts',
    'performance.now() >= again',
    'performance.now() < 0',
    './folder-full.e2e: its host',
  ),
  off(
    'E9 what was not written is given up',
    'src/store/folder/writer.ts',
    'for (const part of parts) part.dropped()',
    '',
    './store.int: a flush that fails',
  ),
  off('E9 a failed step rests', ownership, 'resting.add(partition)', '', './folder-full.e2e: its host'),
  off('E9 a client has a bound', sender, 'calls.size >= mostWaiting', 'calls.size < 0', 'outages: E9: a client holds no more'),
  off('E9 a client has a bound in size', sender, 'waitingSize + size > mostSize', 'size < 0', 'outages: E9: nor larger'),
  off(
    'E9 what is answered makes room',
    sender,
    'waitingSize -= call.size\n    calls.delete(id)',
    'waitingSize -= call.size',
    'outages: E9: a client holds no more',
  ),
  off(
    'E9 it says what is away',
    sender,
    '        trouble = error as Error\n',
    '',
    'outages: E9: after a minute',
    'outages: E9: a submit waits no longer',
  ),
  off('E9 it gives up', sender, 'clock.now() - since >= giveUpAfter', '!since', 'outages: E9: after a minute'),
  off('E9 a failed publish is repeated', sender, 'unsent.unshift(...batch)', '', 'outages: E9: submits wait'),
  off('E9 many are read as they are taken', 'src/client.ts', '++open >= submitsAhead', '++open < 0', 'outages: E9: many are read'),
]

const housekeeping = 'src/host/housekeeping.ts'
const chores = 'src/host/turn/chores.ts'
const threads = 'src/host/threads.ts'
const isolation: Mutation[] = [
  off('E4 a child of a current run only', active, "child: { guard: 'current', actions:", 'child: { actions:', './children.int: by the run'),
  off('E4 a superseded child is recorded', 'src/decide.ts', ' || outcome.superseded)', ')', './children.int: E4'),
  off('W4 the thread ends with the run', threads, 'hardEnd.abort()', '{}', './isolate.int: a cancel'),
  off('W5 the thread ends with its host', threads, 'await (await made)?.destroy()', '', './isolate.int: the end of its host'),
  off('W4 a thread that has gone is missed', threads, "thread.emit('error', error)", '{}', './isolate.int: a handler that ends'),
  off('W5 a thread gives back', 'src/host/threads/entry.ts', 'return { told: true }', 'throw error', './isolate.int: W5 told'),
]

const removal: Mutation[] = [
  off(
    'F12 P16 removed when all that is in the stream is applied',
    housekeeping,
    'await partition.drained()',
    '',
    'housekeeping: F12 P16 a frame',
  ),
  off('P15 P16 removed after the longest late write', housekeeping, 'store.atomicTurns ? 0 : lateWrite', '0', 'housekeeping: P15 P16'),
  off(
    'F12 P16 removed when its creator has nothing for it',
    chores,
    'leavesTombstone(type, doc) ? undefined : doc.creator',
    'undefined',
    'housekeeping: F12 P16 an id',
  ),
  {
    rule: 'G7 a member goes with its group',
    edits: [
      { file: 'src/shelves.ts', find: "status !== 'done' || group", replace: "status !== 'done'" },
      { file: chores, find: 'needed: [doc.group]', replace: 'needed: []' },
    ],
    specs: ['housekeeping: G7 a member', './housekeeping.int: a group goes'],
  },
  off(
    'F12 ids of members are reserved with their group',
    jobSetup,
    '!!event.known?.group?.removed',
    'false',
    'housekeeping: F12 what belonged',
  ),
  off(
    'P16 what is sent again to what is gone',
    'src/host/turn/apply.ts',
    'told || needless)',
    'told)',
    'housekeeping: P16 what is sent again',
  ),
  off(
    'F12 nothing waits for what cannot come',
    job,
    "['submit', 'follow'].includes(event.type)",
    "event.type === 'submit'",
    'housekeeping: F12 what follows',
  ),
  off('F12 a step belongs to its job', job, ' && !/^onEnd-\\d+$/.test(self.slice(end + 1))', '', 'housekeeping: F12 a step'),
  off('E7 what is not kept is said', 'src/host/changes.ts', 'first > Math.max(1, from)', 'first < 0', './housekeeping.int: a job: kept'),
  off('F20 P17 marks by stream time', 'src/host/turn/marks.ts', 'published - since < hour ||', '', 'housekeeping: F20'),
  off('P17 marks of commands are bounded', 'src/host/turn/marks.ts', 'if (commands.length < many) return', 'return', 'housekeeping: F20'),
  off('G7 pages of what is refused', turn, '(turn.homeless.length)', '(!turn)', 'housekeeping: G7 large'),
  off(
    'G7 pages of what is gone',
    'src/host/turn/commit.ts',
    ' || t.before?.removedAt !== undefined',
    '',
    'housekeeping: G7 large values of a group',
  ),
  off(
    'E11 a result that cannot come',
    'src/client/ends.ts',
    'if (!view) await mayCome',
    'if (!address) await mayCome',
    './housekeeping.int: a group goes',
  ),
  off('E11 a tombstone answers for the id', job, '  tombstone: tombstoneOf,\n', '', './housekeeping.int: a job: kept'),
  off(
    'E11 what is left of a job cannot run',
    endedState,
    "    { guard: 'isRemoved', actions: { type: 'reject', params: removed } },\n    { guard: 'inGroup'",
    "    { guard: 'inGroup'",
    './housekeeping.int: what failed',
  ),
  off('E11 as many as may be kept', housekeeping, 'if (tooMany <= 0) return old', 'return old', './housekeeping.int: by count'),
  off('E11 a correlation id outlives its job', correlation, 'job === undefined ? [] : [job]', '[]', './housekeeping.int: a correlation id'),
]

const byHand: Mutation[] = [
  off('W2 one step for each end', 'actors/job/on-end.ts', 'ends: ends + 1', 'ends: 1', './on-end.int: decided in the write'),
  off(
    'W2 an output by hand is checked',
    'src/host/turn/callbacks.ts',
    "type === 'done' ? 'output'",
    "!type ? 'output'",
    './held.int: the output is checked',
  ),
  off('W2 a large output by hand leaves the event', 'src/host/door.ts', " || event.type === 'done'", '', './held.int: a large output'),
]

const gates: Mutation[] = [
  off(
    'Q20 a place of another permit is not this one',
    'actors/gate/admit.ts',
    'held[job].permit > permit',
    'false',
    'machines/gate.unit: repeats change nothing',
  ),
  off(
    'Q20 a grant of another permit is not this one',
    'actors/job/places.ts',
    'context.asked === gate && permitOf(context, gate) === permit',
    'context.asked === gate && !!permit',
    'machines/places.unit: Q20',
  ),
  off(
    'Q21 a withdrawal releases what was granted meanwhile',
    'actors/gate/admit.ts',
    'return { ...context, queues, held: freed(context.held, job, permit), out',
    'return { ...context, queues, out',
    'machines/gate.unit: who withdraws',
  ),
  off('Q21 a place that is not wanted goes back', job, "{ type: 'send', params: refuse }, ", '', 'machines/places.unit: Q21'),
  off(
    'W1 a pool is paused before it is declared',
    'actors/gate.ts',
    "        pause: { target: 'paused' },\n      },\n    },\n    open",
    '      },\n    },\n    open',
    './lanes.int: paused or resized',
  ),
  off(
    'W1 a pool is resized before it is declared',
    'actors/gate.ts',
    "{ guard: 'isSized', target: 'open', actions: ['resize', 'admit', ...emit] }, ",
    '',
    './lanes.int: paused or resized',
  ),
  off(
    'W7 R4 nobody waits for who waits for him',
    pending,
    "    follow: { guard: 'isCircle', target: '#cancelled', actions: ['noteFollower', 'noteCircle'] },\n",
    '',
    './lanes.int: two that wait',
  ),
  off(
    'R4 a time that is none is not waited for',
    'src/host/run.ts',
    ' && Number.isFinite((error as RetryAt).at)',
    '',
    './job.int: RetryAt with what is no time',
  ),
  off('Q22 units go back when the run ends', active, '  exit: leavesPool,', '', './lanes.int: units are free'),
  off(
    'Q22 the lane is kept until the end',
    'actors/job/places.ts',
    'leave(context, isPool)',
    'leave(context, all)',
    './lanes.int: backoff, a loss',
  ),
  off(
    'Q23 the lane first',
    'actors/job/places.ts',
    'find((gate) => !has(context, gate))',
    'findLast((gate) => !has(context, gate))',
    'machines/places.unit: Q23',
  ),
  off(
    'Q24 the oldest is next after nine',
    'actors/gate/admit.ts',
    'passed < patience',
    'passed >= 0',
    'machines/gate.unit: nothing starves',
  ),
  off('Q25 the end frees everything', endedState, '    ...leavesAll,\n    { type', '    { type', './lanes.int: backoff, a loss'),
  off(
    'E2 in order of submit',
    'actors/gate/queue.ts',
    'a.at < b.at || (a.at === b.at && a.job < b.job)',
    'a.job < b.job',
    'machines/gate.unit: gives its place',
  ),
  off(
    'E2 a page that comes before is read first',
    'actors/gate/queue.ts',
    '(!near[0] || before(first, near[0]))',
    '!near[0]',
    'machines/gate.unit: 5,000 wait',
  ),
  off(
    'W1 all units or none',
    'actors/gate/admit.ts',
    'Object.keys(needs).every((unit) => (used',
    'Object.keys(needs).some((unit) => (used',
    'machines/gate.unit: all that a job needs',
  ),
  off(
    'P6 what went by the stream is known delivered after the end',
    'src/host/cache.ts',
    " && !doc.outbox.some((entry) => entry.kind === 'event' && rootOf(entry.to) !== doc.root)",
    '',
    './lanes.int: P6',
  ),
]

const dates = 'src/calendar/dates.ts'
const calendar = 'src/calendar/calendar.ts'

const calendars: Mutation[] = [
  off(
    'C5 a time that does not exist is the next that does',
    dates,
    'if (zoned.toPlainDateTime().equals(wall)) return zoned.epochMilliseconds\n',
    "if (zoned) return wall.toZonedDateTime(zone, { disambiguation: 'compatible' }).epochMilliseconds\n",
    'calendar/times.unit: one that does not exist',
  ),
  off(
    'C5 a time that exists twice is the first',
    dates,
    "{ disambiguation: 'earlier' })",
    "{ disambiguation: 'later' })",
    'calendar/times.unit: one that exists twice',
  ),
  off(
    'C5 cron: a time that does not exist is the next that does',
    'src/calendar/schedule.ts',
    ", fixedTimeRule: 'no-wildcard'",
    '',
    'calendar/times.unit: a time of day that does not exist',
  ),
  off(
    'C1 dates are no instants of the host',
    dates,
    'new Date(days * day).toISOString().slice(0, 10)',
    "new Date(days * day).toLocaleDateString('sv-SE')",
    'calendar/host-zone.unit: calendar in America',
  ),
  off('C1 excepted days', calendar, 'for (const other of except) if', 'for (const other of []) if', 'calendar/calendar.unit: joined'),
  off(
    'C1 days of a month',
    calendar,
    'n === number - active.length - 1',
    'n === number - active.length',
    'calendar/calendar.unit: last and first',
  ),
  off(
    'C1 half a holiday is none',
    'src/calendar/holidays.ts',
    " || !date.includes(' 00:00:00')",
    '',
    'calendar/calendar.unit: a day that is free',
  ),
]

const standing = 'actors/plan/standing.ts'
const planChanges = 'actors/plan/changes.ts'
const planStep = 'actors/plan/step.ts'
const rules = 'plan/rules.unit'

const plans: Mutation[] = [
  off(
    'C1 only runs whose calendar is active',
    standing,
    "if (inactive !== undefined) return notIn('inactive', 0)",
    '',
    `${rules}: a workday runs`,
    `${rules}: on a Sunday`,
    `${rules}: alone`,
  ),
  off(
    'C2 predecessors must have succeeded',
    standing,
    "standing.state !== 'succeeded'",
    '!standing.since',
    `${rules}: one that failed blocks`,
    `${rules}: not removed`,
  ),
  off(
    'C2 all of them',
    standing,
    'if (waitsFor.length) return',
    'if (waitsFor.length === left.length && waitsFor.length) return',
    `${rules}: each of them`,
  ),
  off(
    'C3 what is not in the plan is not waited for',
    standing,
    'filter(({ standing }) => standing.counts)',
    'filter(() => true)',
    `${rules}: a holiday of the calendar of B`,
  ),
  off('C3 the time without predecessors', standing, '(run.withoutPredecessorsAt ?? run.at)', 'run.at', `${rules}: both times`),
  off(
    'C3 its own time if there is none',
    standing,
    '(run.withoutPredecessorsAt ?? run.at)',
    'run.withoutPredecessorsAt',
    `${rules}: without such a time`,
  ),
  off(
    'C3 no time of its own: it stays out',
    standing,
    "if (!left.length && time === undefined) return notIn('no-time', allowed)",
    '',
    `${rules}: all four removed`,
  ),
  off('C3 both: not before its time', standing, 'left.length ? run.at : (', 'left.length ? undefined : (', `${rules}: a workday runs`),
  off(
    'C4 a missed time is skipped',
    standing,
    "missed === 'skip' && at - startAt > inTime",
    'false',
    `${rules}: added after its time, skip`,
  ),
  off(
    'C4 circles are refused',
    planChanges,
    'return issue ? refuseGraph(issue) : done(linkedPlan, [])',
    'return done(linkedPlan, [])',
    `${rules}: a typo and a cycle`,
  ),
  off('C4 a change of what it is after is not late', standing, 'run.linkedAt ?? 0', '0', `${rules}: a dependency that is taken away`),
  off(
    'C5 not before the time without predecessors',
    standing,
    'const startAt = Math.max(time, allowed)',
    'const startAt = allowed',
    `${rules}: remove at 15:30`,
  ),
  off(
    'C6 a removal after that time is not late',
    standing,
    'const startAt = Math.max(time, allowed)',
    'const startAt = time',
    `${rules}: E starts though it says`,
  ),
  off(
    'C7 what has succeeded cannot be removed',
    planChanges,
    'if (succeeded.length === runs.length)',
    'if (false as boolean)',
    `${rules}: remove what has succeeded`,
  ),
  off(
    'C8 what is removed is not waited for',
    standing,
    'if (out) return notIn(out.as, out.since)',
    '',
    `${rules}: remove what has failed`,
    `${rules}: remove at 17:45`,
  ),
  off(
    'C9 what is removed is told to cancel',
    planChanges,
    "cancelled.map(({ chain, run }) => ({ do: 'cancel', key: keyOf(chain, run) }))",
    '[]',
    `${rules}: remove; it ends cancelled`,
  ),
  off(
    'C9 what has started does not start again',
    standing,
    'if (instance && !startsAnew(run)) return begun(instance)',
    "if (instance?.state === 'running') return begun(instance)",
    `${rules}: remove; it ends cancelled`,
  ),
  off('C9 the end of an earlier start changes nothing', planStep, ' || run.rounds !== round', '', `${rules}: a late end`),
  off(
    'C11 the time without predecessors is for when none is left',
    standing,
    'if (waitsFor.length) return',
    'if (waitsFor.length && (run.withoutPredecessorsAt ?? at) >= at) return',
    `${rules}: it waits for B`,
    `${rules}: nor while B runs`,
  ),
  off(
    'C4 what was changed by hand stays when code changes',
    planChanges,
    'if (!before.inCode) return restated(before, facts, at)',
    'if (before) return restated(before, facts, at)',
    `${rules}: other code`,
  ),
  off('C12 starts of one step are bounded', planStep, 'if (runs.length === mostAtOnce) break', '', 'plan/large.unit: what is due at once'),
  off(
    'C12 a start is recorded in the step that decides it',
    planStep,
    'return { plan: withRuns(plan, runs), decisions }',
    'return { plan, decisions }',
    `${rules}: a workday runs`,
  ),
]

const redrive = 'actors/job/redrive.ts'
const letterActions = 'src/host/dead-letters/actions.ts'
const letterBox = 'src/bus/embedded/letters.ts'
const letters: Mutation[] = [
  off(
    'E13 which end is meant',
    redrive,
    "[undefined, context.dispatch].includes((event as Of<'redrive' | 'drop'>).end)",
    'event.type !== context.self',
    'machines/redrive.unit: what is no dead letter',
  ),
  off(
    'E13 once for each end',
    redrive,
    'endOf(args) <= (args.context.redriven?.end ?? -1)',
    'endOf(args) < 0',
    'machines/redrive.unit: asked twice',
    './dead-letters.int: redriven: once',
  ),
  off(
    'E13 another input is a conflict',
    redrive,
    'input !== undefined && redriven.content',
    'input === null && redriven.content',
    'machines/redrive.unit: asked again',
  ),
  off(
    'E13 the run gets the edited input',
    redrive,
    'return { input: redriven.input, redriven',
    'return { redriven',
    'machines/redrive.unit: with an edited input',
    './dead-letters.int: with an edited input',
  ),
  off(
    'E13 what the group refused is forgotten',
    redrive,
    'redriven?.end === dispatch ? { redriven: undefined }',
    'redriven?.end === -1 ? { redriven: undefined }',
    'machines/redrive.unit: a member asks',
  ),
  off(
    'E13 an input is checked by the contract of its own job',
    endedState,
    "    { guard: 'ofAnotherJob', actions: { type: 'reject', params: anotherJob } },\n    { guard: 'editsResumed'",
    "    { guard: 'editsResumed'",
    'machines/redrive.unit: an input of another definition',
  ),
  off(
    'E13 what was dropped is no letter',
    'src/host/dead-letters/questions.ts',
    '.dropped\n\n',
    '.overdue\n\n',
    './dead-letters.int: dropped',
  ),
  off(
    'E13 an event is redriven under the name of its letter',
    letterActions,
    '...again, ...identity, letter',
    '...again, letter',
    './dead-letters.int: what was refused is applied',
  ),
  off(
    'E13 refused again it is a letter again',
    letterActions,
    '...identity, letter: true }',
    '...identity }',
    './dead-letters.int: an event for an actor that did not exist',
  ),
  off(
    'E13 a letter goes only after its outcome',
    letterActions,
    'const { error } = outcomeOf(await parts.send({ ...again',
    'await bus.letters.remove([place])\n    const { error } = outcomeOf(await parts.send({ ...again',
    'chaos/letters-crash.int: a crash at each place',
  ),
  off(
    'E13 a walk ends where it began in time',
    'src/host/dead-letters/questions.ts',
    'letter.at > until || ',
    '',
    './dead-letters.int: many that are refused again',
  ),
  off(
    'E13 a letter holds its large values',
    apply,
    'body: item.given ?? envelope',
    'body: envelope',
    './dead-letters.int: a large value stays',
  ),
  off('E11 letters go by age', letterBox, 'if (!isOld(at) && times', 'if (times', './letters.int: by age'),
  off('E11 letters go by count', letterBox, ' && times.size - gone.length <= limits.count', '', './letters.int: by count'),
  off(
    'E13 a letter counts as kept once it is',
    letterBox,
    'letters.filter(({ id }) => !times.has(id))',
    'letters.filter(({ id, at }) => !times.has(id) && times.set(id, at))',
    './letters.int: what cannot be kept',
  ),
  off(
    'R4 backoff has an end',
    'actors/job/terms.ts',
    'Math.min(grown, Math.max(terms.backoff, day))',
    'grown',
    './retries.int: backoff grows to a day',
  ),
  off(
    'R4 only what is stuck is counted',
    'src/host/stuck.ts',
    '.some(({ stuck }) => stuck)',
    '.length > 0',
    './held.int: R4 what is stuck',
  ),
]

/** Chains, the plans that start them, and schedules, in hosts. */
const chained: readonly Mutation[] = [
  off(
    'C2 a step waits for those that it is after',
    'actors/chain/steps.ts',
    "if (step.state !== 'waiting' || !all.every(finished)) continue",
    "if (step.state !== 'waiting') continue",
    'machines/chain.unit: runs its graph',
    './chains.int: started by hand',
  ),
  off(
    'C4 what a schedule said earlier does not count once more',
    'actors/topic.ts',
    'unmarked: new Set()',
    "unmarked: new Set(['subscribe', 'unsubscribe'])",
    './schedules.int: what a schedule said earlier',
  ),
  off(
    'C4 only the event that it waits for starts it',
    'actors/schedule.ts',
    "{ guard: 'isAwaited', actions: ['occur', ...emit] }",
    "{ actions: ['occur', ...emit] }",
    './schedules.int: what a schedule said earlier',
  ),
  off(
    'C9 a group that succeeds late is not made again',
    'actors/chain/steps.ts',
    "if (state === 'succeeded' && (step.state === 'failed'",
    "if (!chain && (step.state === 'failed'",
    './chains.int: a group whose output was run again',
  ),
  off(
    'C9 a new job of a step has a round of its own',
    'actors/chain/steps.ts',
    'round: step.round + 1, nth: step.nth + 1',
    'round: step.round, nth: step.nth + 1',
    'machines/chain.unit: what an earlier job',
  ),
  off(
    'C2 what is behind a failed step does not run',
    'actors/chain/steps.ts',
    "if (terms.when === 'all-succeeded' && all.some",
    'if (false && all.some',
    'machines/chain.unit: a failed step',
  ),
  off(
    'C2 the end of an earlier round of a step is not the end of this one',
    'actors/chain/steps.ts',
    'if (!step || step.round !== round || step.state',
    'if (!step || step.state',
    'machines/chain.unit: restarted from the failed step',
  ),
  off(
    'C2 a failed step runs again as the same job',
    'actors/chain/steps.ts',
    "else if (step.state === 'failed' && !behind && sameJob) {",
    'else if (false) {',
    'machines/chain.unit: restarted from the failed step',
    './chains.int: a step has the attempts',
  ),
  off(
    'C2 of a group of which a part was submitted nothing stays',
    'actors/chain/steps.ts',
    'abandon(chain, steps, before, name, state) :',
    'goesOn(endOf(state)) :',
    'machines/chain.unit: what was submitted of a group',
  ),
  off(
    'C9 a repeated start of the same round changes nothing',
    'actors/chain.ts',
    '(event.round ?? 1) > context.round && context.removedAt',
    'context.removedAt',
    'machines/chain.unit: a repeated start',
  ),
  off(
    'C9 a chain that was removed does not start again',
    'actors/chain.ts',
    '> context.round && context.removedAt === undefined',
    '> context.round',
    'machines/chain.unit: removed by retention',
  ),
  off(
    'C2 the plan learns how a chain ended',
    'actors/chain.ts',
    '    plan && { to: plan.address',
    '    false && plan && { to: plan.address',
    './plans.int: C2 C11 all run in order',
  ),
  off(
    'C2 in a plan it is the plan that restarts a chain',
    'actors/chain.ts',
    "{ guard: 'isPlanned', actions: { type: 'send', params: askPlan } },",
    '',
    'machines/chain.unit: in a plan it is the plan',
  ),
  off(
    'C4 another input is another start',
    'actors/chain.ts',
    'inputOf(event) !== inputOf(context)',
    'false',
    'machines/chain.unit: by hand',
    './chains.int: the same id with the same input',
  ),
  off(
    'C12 the end of an earlier start changes nothing',
    'actors/plan/step.ts',
    '|| run.rounds !== round) return plan',
    ') return plan',
    'plan/rules.unit: a late end of an earlier start',
  ),
  off(
    'C12 what code says once more changes nothing',
    'actors/plan.ts',
    "make: [gone, { guard: 'isNothingNew' }, ...change]",
    'make: [gone, ...change]',
    'machines/plan.unit: hosts that say what code says',
  ),
  off(
    'C12 a plan that was removed does not begin again',
    'actors/plan.ts',
    'make: [gone, { guard',
    'make: [{ guard',
    'machines/plan.unit: removed by retention',
  ),
  off(
    'G7 a plan of which only what has failed is left is over after 30 days',
    'actors/plan.ts',
    'const over = isOver(plan, at) || isGivenUp(args, next)',
    'const over = isOver(plan, at)',
    'machines/plan.unit: what has failed keeps it open',
  ),
  off(
    'C12 a plan is made at the start of its date',
    'src/host/planner.ts',
    'wakeAt(startOfDate(addDays(today, 1), zone))',
    '',
    './plans.int: at the start of each date',
  ),
  off(
    'C12 dates that nobody was up for are made',
    'src/host/planner.ts',
    'return [...past.slice(0, Math.max(0, newest)).reverse(), today]',
    'return [today]',
    './plans.int: all hosts are down over dates',
  ),
  off(
    'C4 plans learn what code says since',
    'src/host/planner.ts',
    'cancelLook = clock.at(clock.now() + together, lookNow)',
    '',
    './plans.int: a service that has no host here',
  ),
  off(
    'C4 a host refuses chains that make a circle with others',
    'src/chain/published.ts',
    ', ...chains.all.filter(({ name }) => !ours.has(name))])',
    '])',
    './plans.int: C4 hosts refuse chains',
  ),
  off(
    'C4 a date to come is made by the first change to it',
    'src/host/plans.ts',
    'if (!(await present(address))) {',
    'if (false) {',
    './plans.int: a date to come is changed',
  ),
  off('G7 a chain goes with its steps', 'actors/chain.ts', '  hasMembers: true,', '', './chains.int: retention takes a chain'),
  off(
    'E9 a turn whose frames are refused makes room',
    turn,
    'if ((error as UnavailableError).refused && (await strand(partition, turn)))',
    'if (false)',
    'full-stream: room is made',
  ),
  off(
    'G7 a group stays as long as the chain of which it is a step',
    group,
    '.filter(isChain)',
    '.filter(() => false)',
    './chains.int: what a group has put out',
  ),
  off(
    'C12 a plan stays as long as it could be made again',
    'actors/plan.ts',
    'const final = over && at >= stays',
    'const final = over',
    './plans.int: under the shortest retention',
    'machines/plan.unit: over it stays',
  ),
  off(
    'G6 a plan learns that a chain that is gone cannot go on',
    'actors/chain.ts',
    "{ guard: 'isStartOfRemoved', actions: { type: 'send', params: cannotStart } },",
    '',
    './plans.int: a chain that retention has removed',
  ),
  off('C4 a chain may have any name', 'actors/plan.ts', 'Object.create(null)', '{}', 'machines/plan.unit: a chain may be called'),
  off(
    'C4 each time of a schedule has one id',
    'actors/schedule.ts',
    'begun(context, nameOf(due), undefined',
    'begun(context, nameOf(at), undefined',
    './schedules.int: times that were missed',
  ),
  off(
    'C4 what has passed before a schedule is changed is started',
    'actors/schedule.ts',
    "actions: ['run', 'note', ...emit] } as const",
    "actions: ['note', ...emit] } as const",
    './schedules.int: a time that passed before',
  ),
  off(
    'E1 what is nested too deep is not let in',
    'src/host/door.ts',
    'if (!ours && isTooDeep(one)) throw',
    'if (false) throw',
    './nesting.unit: a command that is nested too deep',
  ),
  off(
    'C4 a schedule that its event does not tell says so',
    'actors/topic.ts',
    "{ type: 'emit', params: tellFull },",
    '',
    './schedules.int: one schedule too many',
  ),
  off(
    'C2 a step whose id other work has gets another',
    'actors/chain/steps.ts',
    ' && !step.refused',
    '',
    './chains.int: the id of a step that other work has',
  ),
  off(
    'C4 of a circle that two publish at once one half is taken back',
    'src/chain/published.ts',
    'for (const back of takeBack) await back()',
    '',
    './plans.int: C4 two services that publish',
  ),
  off(
    'C12 what cannot be settled here does not hold up the partition',
    'src/host/planner.ts',
    '    } catch (error) {',
    '    } catch (error) {\n      throw error',
    './plans.int: a calendar that this host cannot settle',
  ),
  off(
    'C4 missed times are skipped if it says so',
    'actors/schedule.ts',
    "termsOf(context)!.missed === 'skip'",
    'false',
    './schedules.int: times that were missed while nobody was up: skip',
  ),
  off(
    'C4 what is set counts before what code says',
    'actors/schedule.ts',
    'set ?? code',
    'code ?? set',
    './schedules.int: what is set counts',
  ),
  off(
    'C4 code does not bring back what was removed',
    'actors/schedule.ts',
    '        declare: {},',
    "        declare: { target: 'active', actions: ['note', ...emit] },",
    './schedules.int: paused it starts nothing',
  ),
  off(
    'C4 a schedule that is removed leaves its event',
    'actors/schedule.ts',
    'leave: assign(({ context }) => ({ ...leftTopic(context), ',
    'leave: assign(() => ({ ',
    './schedules.int: by an event',
  ),
  off(
    'G2 what was known of calendars is in the event, and decides again',
    'src/decide.ts',
    'facts && !event.facts ?',
    'facts ?',
    './schedules.int: a replay decides the same',
  ),
  off(
    'Q6 a host that is alone and idle is quiet',
    liveness,
    'resting = !acted && heard.size <= 1 && rests()',
    'resting = false',
    'steady: where all hosts are in one process',
  ),
  off(
    'Q6 a host that rests wakes for its next turn',
    liveness,
    '    if (!resting) return\n    resting = false',
    '    return',
    'steady: where all hosts are in one process',
  ),
]

export const mutations: readonly Mutation[] = [
  ...delivery,
  ...runs,
  ...blocked,
  ...survival,
  ...shutdown,
  ...groups,
  ...changes,
  ...updates,
  ...requirements,
  ...suspends,
  ...outages,
  ...gates,
  ...removal,
  ...isolation,
  ...byHand,
  ...calendars,
  ...plans,
  ...chained,
  ...letters,
]
