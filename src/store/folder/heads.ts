import { typeOf } from '../../address.ts'
import type { ActorDocument } from '../../document.ts'

/** Of a document: what a compare-and-set, the index and queries need, so that the rest is not parsed for them. */
export type Head = Pick<ActorDocument, '_id' | 'version' | 'commit' | 'partition' | 'wakeAt' | 'type' | 'state' | 'group' | 'removedAt'> &
  Partial<Pick<ActorDocument, 'status'>>

/** As the first line of a stored document. */
export const headLine = ({ version, commit, partition, wakeAt, state, group, removedAt, status }: ActorDocument): string =>
  JSON.stringify([version, commit, partition, wakeAt, state, group, removedAt, status])

export const headIn = (_id: string, line: string): Head => {
  const [version, commit, partition, wakeAt, state, group, removedAt, status] = JSON.parse(line)
  const optional = { wakeAt: wakeAt ?? undefined, group: group ?? undefined, removedAt: removedAt ?? undefined }
  return { _id, type: typeOf(_id), version, commit, partition, state, status, ...optional }
}

const headOf = ({ _id, type, version, commit, partition, wakeAt, state, group, removedAt }: ActorDocument): Head => ({
  ...{ _id, type, version, commit, partition, wakeAt, state, group, removedAt },
})

/** So many are kept: the queue of a busy folder. */
const most = 20_000

/**
 * What is in the table of documents that were written last and have not ended: they will be written again, and to read for a compare-and-set costs more
 * than to compare. And of which nothing was found: they are about to be created. A folder has one process at a time, and this is its only way to the
 * documents: what is kept is what is there.
 */
export function recentHeads() {
  const heads = new Map<string, Head | 'none'>()
  const keep = (id: string, head: Head | 'none') => {
    heads.set(id, head)
    if (heads.size > most) heads.delete(heads.keys().next().value!)
  }
  return {
    /** undefined: not known here. */
    get: (id: string): Head | 'none' | undefined => heads.get(id),
    /** Nothing is there. */
    missed: (id: string): void => keep(id, 'none'),
    /** What is there from now on; undefined: nothing. */
    settled(id: string, doc: ActorDocument | undefined): void {
      heads.delete(id)
      if (doc && doc.status !== 'done') keep(id, headOf(doc))
    },
  }
}
