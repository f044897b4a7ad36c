import { readSpecs } from './store/reads.ts'
import { sideSpecs } from './store/sides.ts'
import type { StoreFactory } from './store/world.ts'
import { writeSpecs } from './store/writes.ts'

export type { StoreFactory } from './store/world.ts'

/** What every store must do, wherever it keeps its documents. */
export function storeContract(factory: StoreFactory): void {
  for (const specs of [writeSpecs, readSpecs, sideSpecs]) specs(factory)
}
