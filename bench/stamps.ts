import { hrtime } from 'node:process'

/** ms on the clock that all processes of a machine share. */
export const now = (): number => Number(hrtime.bigint()) / 1e6

/** What handlers of one process note: times in ms. */
export interface Stamped {
  /** Jobs that belong to no group: how many returned, and the last few of them. */
  returned: number
  last: string[]
  /** By group: when its latest member returned, and when its output began. */
  members: Record<string, number>
  outputs: Record<string, number>
}

const remembered = 50

/** Stamps of one process. The group is the first segment of an id. */
export function createStamps(onReturn: () => void) {
  let noted = empty()
  return {
    returnedJob(id: string): void {
      noted.returned++
      if (noted.last.push(id) > 2 * remembered) noted.last.splice(0, remembered)
      onReturn()
    },
    returnedMember(group: string): void {
      noted.members[group] = now()
    },
    beganOutput(group: string): void {
      noted.outputs[group] = now()
    },
    get returned() {
      return noted.returned
    },
    /** All since the last time. */
    take(): Stamped {
      const taken = noted
      noted = empty()
      return taken
    },
  }
}

export type Stamps = ReturnType<typeof createStamps>

export const empty = (): Stamped => ({ returned: 0, last: [], members: {}, outputs: {} })

/** Of several processes. */
export function merge(parts: readonly Stamped[]): Stamped {
  const all = empty()
  for (const { returned, last, members, outputs } of parts) {
    all.returned += returned
    all.last.push(...last)
    for (const [group, at] of Object.entries(members)) all.members[group] = Math.max(all.members[group] ?? 0, at)
    Object.assign(all.outputs, outputs)
  }
  return all
}

/** ms from the return of a group's last member to the start of its output, for each group. */
export const fanIns = ({ members, outputs }: Stamped): number[] =>
  Object.keys(outputs).map((group) => outputs[group]! - (members[group] ?? Number.NaN))
