/** What is measured. Both sides do the same: same payloads, same number of handlers at once, same processes. */
export interface Scenario {
  name: string
  kind: 'jobs' | 'groups' | 'latency' | 'fan-in' | 'recovery'
  /** 1: submitter and handlers in one process. More: the submitter alone, and so many processes with handlers. */
  hosts: number
  work: Work
  sizes: Sizes
}

/** `noop`: a handler that returns at once. `payload`: 1 KB in, 2 ms of waiting, 1 KB out. */
export type Work = 'noop' | 'payload'

/** Of one round. `kills`: of processes that run one job each. `jobs`: submitted, or one after the other. `groups` of `members`: at once, or one after the other. */
export interface Sizes {
  jobs: number
  groups: number
  members: number
  kills?: number
}

export const backends = ['embedded', 'cluster', 'bullmq always', 'bullmq everysec'] as const
export type Backend = (typeof backends)[number]

/** Handlers that run at once in each process. */
export const slots = 100

const full: Record<Scenario['kind'], Sizes> = {
  jobs: { jobs: 10_000, groups: 0, members: 0 },
  groups: { jobs: 0, groups: 100, members: 100 },
  latency: { jobs: 200, groups: 0, members: 0 },
  'fan-in': { jobs: 0, groups: 20, members: 100 },
  recovery: { jobs: 0, groups: 0, members: 0, kills: 20 },
}

const quick: Record<Scenario['kind'], Sizes> = {
  jobs: { jobs: 500, groups: 0, members: 0 },
  groups: { jobs: 0, groups: 10, members: 50 },
  latency: { jobs: 20, groups: 0, members: 0 },
  'fan-in': { jobs: 0, groups: 3, members: 20 },
  recovery: { jobs: 0, groups: 0, members: 0, kills: 4 },
}

export function scenarios(isQuick: boolean): Scenario[] {
  const sizes = isQuick ? quick : full
  const of = (kind: Scenario['kind'], hosts: number, work: Work, name: string = kind): Scenario => ({
    name,
    kind,
    hosts,
    work,
    sizes: sizes[kind],
  })
  return [
    of('groups', 1, 'noop'),
    of('jobs', 1, 'noop'),
    of('latency', 1, 'noop'),
    of('fan-in', 1, 'noop'),
    of('groups', 1, 'payload', 'groups-1kb-2ms'),
    of('jobs', 1, 'payload', 'jobs-1kb-2ms'),
    of('groups', 4, 'noop', 'groups-4-hosts'),
    of('jobs', 4, 'noop', 'jobs-4-hosts'),
    of('fan-in', 4, 'noop', 'fan-in-4-hosts'),
    of('recovery', 4, 'noop'),
  ]
}
