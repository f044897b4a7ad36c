import { endSpecs } from './bus/end.ts'
import { frameSpecs } from './bus/frames.ts'
import { messageSpecs } from './bus/messages.ts'
import { recordSpecs } from './bus/records.ts'
import { takeoverSpecs } from './bus/takeover.ts'
import { workSpecs } from './bus/work.ts'
import type { BusFactory } from './bus/world.ts'

export type { BusFactory, BusWorld } from './bus/world.ts'

/** What every bus must do, whatever carries it. */
export function busContract(factory: BusFactory): void {
  for (const specs of [frameSpecs, takeoverSpecs, workSpecs, messageSpecs, recordSpecs, endSpecs]) specs(factory)
}
