import type { JobSubmit, Payload } from '../../../actors/job.ts'
import type { Member } from '../../../actors/members.ts'
import { type Address, idOf, rootOf } from '../../address.ts'
import { asJson } from '../../as-json.ts'
import type { KnownChain } from '../../chain/published.ts'
import { type Command, checkMemberId } from '../../command.ts'
import type { ActorEvent } from '../../envelope.ts'
import { type Issue, invalid, pathOf, unfit } from '../../errors.ts'
import { checkLength } from '../../payload.ts'
import { addedRuns } from '../../plan/resolve.ts'
import type { RunTerms } from '../../plan/runs.ts'
import { needIssue } from '../../pools.ts'
import { fittingTerms, whenOf } from '../../schedule.ts'
import type { Contracts } from '../door.ts'

export const refusal = (code: string, message: string, issues?: Issue[]) => Object.assign(new Error(message), { code, issues })

/** The event that a command stands for: its definition, input and size are checked here. */
export function eventOf(contracts: Contracts, command: Command): ActorEvent {
  switch (command.type) {
    case 'submit': {
      if ('job' in command) {
        const { labels, startAt, lane, after, when: afterWhen, deadline: overdueAt } = command
        return { type: 'submit', ...jobOf(contracts, '', command), labels, startAt, overdueAt, lane, after, afterWhen }
      }
      const { output, members = [], seal = true, ...options } = command
      const { id: _id, to, reply: _reply, type: _type, ...rest } = options
      return {
        type: 'submit',
        options: { ...rest, output: output && jobOf(contracts, 'output.', output) },
        members: members.map((member, i) => memberOf(contracts, to, i, member)),
        seal,
      }
    }
    case 'start':
      return startOf(contracts, command.to, command.input)
    case 'restart':
      return 'target' in command ? { type: 'restart', target: command.target } : { type: 'restart' }
    case 'remove':
      return 'target' in command ? { type: 'remove', target: command.target } : { type: 'remove' }
    case 'set':
      return scheduleSet(contracts, command)
    case 'trigger':
      return { type: 'trigger', id: command.as }
    case 'raise':
      return { type: 'raise', id: command.as, data: { value: command.data ?? null } }
    case 'deactivate':
    case 'restore':
      return { type: command.type, target: command.target }
    case 'release':
      return { type: 'release', target: command.target, ...(command.now && { now: true }) }
    case 'link':
      return { type: 'link', target: command.target, after: command.after }
    case 'add':
      if ('runs' in command) return chainAdded(contracts, command)
      return { type: 'add', members: command.members.map((member, i) => memberOf(contracts, command.to, i, member)), seal: command.seal }
    case 'cancel':
      return { type: 'cancel', reason: command.reason }
    case 'done': {
      const { output = null, reason } = command
      return { type: 'done', output: { value: fitting('output', output) }, reason }
    }
    case 'resize':
      return { type: 'resize', capacity: command.capacity }
    case 'resume': {
      if (!('name' in command)) return { type: 'resume' }
      const { name, value = null, round } = command
      return { type: 'resume', name, value: { value: fitting('value', value) }, round }
    }
    case 'update': {
      const { startAt, priority, input, job } = command
      const checked = input === undefined ? undefined : jobOf(contracts, '', { job: job!, input })
      return { type: 'update', startAt, priority, job, input: checked?.input }
    }
    case 'redrive': {
      const { end, input, job, reason } = command
      const checked = input === undefined ? undefined : jobOf(contracts, '', { job: job!, input })
      return { type: 'redrive', end, job, input: checked?.input, reason }
    }
    case 'drop':
      return { type: 'drop', end: command.end, reason: command.reason }
    default:
      return { type: command.type }
  }
}

function startOf(contracts: Contracts, to: Address, input: unknown): ActorEvent {
  return { type: 'start', input: chainInput(chainOf(contracts, 'to', rootOf(to)), input) }
}

function chainInput(chain: KnownChain, input: unknown): Payload {
  refuseIssues(chain.inputIssues(input), 'input')
  return { value: fitting('input', input ?? null) }
}

function scheduleSet(contracts: Contracts, command: Extract<Command, { type: 'set' }>): ActorEvent {
  const { cron, timezone, every, from, on, job, chain: name, input, missed } = command
  if ((job === undefined) === (name === undefined)) throw invalid('job', 'give one of job and chain')
  const when = whenOf({ cron, timezone, every, from, on, missed })
  const chain = name === undefined ? undefined : chainOf(contracts, 'chain', name)
  const work = chain ? { chain: chain.name } : jobTerms(contracts, '', { job: job! })
  // What an event brings is checked when it begins.
  const bare = input === undefined && on !== undefined
  const given = bare ? {} : { input: chain ? chainInput(chain, input) : jobOf(contracts, '', { job: job!, input }).input }
  return { type: 'set', terms: fittingTerms({ when, starts: { ...work, ...given }, missed: missed ?? 'run' }) }
}

function chainAdded(contracts: Contracts, { to, chain, runs }: Extract<Command, { runs: unknown }>): ActorEvent {
  const known = chainOf(contracts, 'chain', chain)
  const terms = runs.map((run) => ({ name: 'main', after: [], missed: 'run', ...run }) as unknown as RunTerms)
  return { type: 'add', chain, runs: addedRuns(to, known, terms) }
}

function chainOf(contracts: Contracts, field: string, name: string) {
  const chain = contracts.chains.of(name)
  if (!chain) throw Object.assign(invalid(field, `no host has published a chain named "${name}"`), { code: 'NOT_FOUND' })
  return chain
}

interface Named {
  job: string
  input?: unknown
  priority?: number
}

function jobOf(contracts: Contracts, path: string, named: Named): Pick<JobSubmit, 'job' | 'input' | 'terms'> {
  const { job, terms } = jobTerms(contracts, path, named)
  const { input } = named
  fitting(`${path}input`, input ?? null)
  refuseIssues(contracts.get(job)!.issues(input), `${path}input`)
  return { job, input: { value: input ?? null }, terms }
}

function jobTerms(contracts: Contracts, path: string, { job, priority }: Named): Pick<JobSubmit, 'job' | 'terms'> {
  const contract = contracts.get(job)
  if (!contract) throw Object.assign(invalid(`${path}job`, `no host has published a job named "${job}"`), { code: 'NOT_FOUND' })
  const issue = needIssue(contracts.pools, contract.terms)
  if (issue) throw invalid(`${path}job`, issue)
  return { job, terms: priority === undefined ? contract.terms : { ...contract.terms, priority } }
}

function refuseIssues(issues: Issue[], field: string): void {
  if (issues.length) throw unfit(issues.map(({ path, message }) => ({ path: [...pathOf(field), ...path], message })))
}

function fitting(field: string, value: unknown): unknown {
  checkLength(asJson(value, field).length, field)
  return value
}

function memberOf(contracts: Contracts, to: Address, i: number, { key, ...named }: Named & { key: string }): Member {
  checkMemberId(`${idOf(to)}/${key}`, `members.${i}.key`)
  return { key, ...jobOf(contracts, `members.${i}.`, named) }
}
