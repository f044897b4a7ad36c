import { hash } from 'node:crypto'
import type { Snapshot } from '../../src/document.ts'
import { noMembers } from '../members.ts'
import type { GroupContext } from './context.ts'

/** What is left of a group when retention has removed it: the same submit is still the same group, and how it ended is known. */
export function tombstoneOf(snapshot: Snapshot, at: number): Snapshot {
  const { self, content, when, onMemberFailure, cancelled, cancelReason, firstFailed, members, outputEnded, outputRound, chain } =
    snapshot.context as GroupContext
  const context: GroupContext = {
    ...{ self, when, onMemberFailure, cancelled, cancelReason, firstFailed, outputEnded, outputRound, chain },
    content: shortened(content),
    sealed: true,
    members: { ...noMembers(), total: members.total, counts: members.counts },
    removedAt: at,
    out: [],
  }
  return { ...snapshot, context }
}

const shortened = (content: string): string => (content.startsWith('{') ? hash('sha1', content, 'base64url') : content)

/** Are these the options that the group was submitted with? */
export const isContent = (content: string, options: string): boolean => content === options || content === shortened(options)
