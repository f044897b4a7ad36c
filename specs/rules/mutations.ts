import { chains } from './mutations/chains.ts'
import { delivery } from './mutations/delivery.ts'
import { groups } from './mutations/groups.ts'
import type { Mutation } from './mutations/mutation.ts'
import { plans } from './mutations/plans.ts'
import { removal } from './mutations/removal.ts'
import { requirements } from './mutations/requirements.ts'
import { runs } from './mutations/runs.ts'
import { waiting } from './mutations/waiting.ts'

export { type Mutation, specFile, specName } from './mutations/mutation.ts'

/** All rules that can be switched off, each with the specs that must see it. */
export const mutations: readonly Mutation[] = [
  ...delivery,
  ...runs,
  ...groups,
  ...waiting,
  ...removal,
  ...requirements,
  ...plans,
  ...chains,
]
