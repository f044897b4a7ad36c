import type { Condition } from '../../actors/actor.ts'
import type { Bus, Listening } from '../bus/port.ts'

/** Which definitions have a handler at a host that is up: nobody keeps a list, it is asked for when somebody wants to know why a job waits. */
const subjectOf = (job: string): string => `handler.${job}`

export const serveHandlers = (bus: Bus, jobs: Iterable<string>): Listening[] =>
  Array.from(jobs, (job) => bus.serve(subjectOf(job), async () => ({}), 'handlers'))

/** ms. Whoever has the handler answers at once; who is only slow has it, too. */
const patience = 1000

/** Of what waits for a worker it is told if there is none that could ever take it. */
export const withHandlers = (bus: Bus, conditions: readonly Condition[]): Promise<Condition[]> =>
  Promise.all(
    conditions.map(async (one) => {
      if (one.code !== 'NO_WORKER_YET' || (await isUp(bus, String(one.job)))) return one
      return { ...one, code: 'NO_HANDLER', message: `no host that is up has a handler for ${one.job}: it waits until one is` }
    }),
  )

const isUp = (bus: Bus, job: string): Promise<boolean> =>
  bus.request(subjectOf(job), {}, patience).then(
    () => true,
    ({ nobody }: { nobody?: boolean }) => !nobody,
  )
