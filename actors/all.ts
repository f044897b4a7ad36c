import type { ActorType } from './actor.ts'
import { chain } from './chain.ts'
import { correlation } from './correlation.ts'
import { lane, pool } from './gate.ts'
import { group } from './group.ts'
import { job } from './job.ts'
import { plan } from './plan.ts'
import { schedule } from './schedule.ts'
import { topic } from './topic.ts'

/** All kinds of actors, by name. */
export const actorTypes: ReadonlyMap<string, ActorType> = new Map(
  [job, group, correlation, pool, lane, chain, plan, schedule, topic].map((type) => [type.name, type]),
)
