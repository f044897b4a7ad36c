import { conflicts, jobOf, notAgain } from '../members.ts'
import { type Args, added, known, type Of } from './context.ts'

export const closed = ({ context, event }: Args) =>
  notAgain(jobOf(context.self, (event as Of<'retry'>).key), `${context.self} no longer waits for its members`).params

export function conflict({ event }: Args) {
  const keys = conflicts(added(event), known(event))
  return {
    code: 'CONFLICT',
    message: `members.${keys[0]}: exists with other content${keys.length > 1 ? `, and ${keys.length - 1} more` : ''}. Nothing of this was added.`,
  }
}

export const otherOptions = ({ context }: Args) => ({
  code: 'CONFLICT',
  message: `${context.self} exists with other options. Use another id, or the same options.`,
})

export const removed = ({ context: { self, removedAt } }: Args) => ({
  code: 'NOT_ALLOWED',
  message: `${self} was removed on ${new Date(removedAt!).toISOString()}: only its id is kept. Submit a new one.`,
})

export const reserved = ({ event: { self } }: Args) => ({
  code: 'CONFLICT',
  message: `${self}: a chain of this name has ended and was removed, and the ids of its groups stay reserved with it. Use another id.`,
})

export const unknownYet = ({ event }: Args) => ({
  code: 'NOT_ALLOWED',
  message: `${event.self} was not submitted yet (members of it have ended already): submit it first. Nothing was changed.`,
})

export const tooLate = ({ context }: Args) => ({
  code: 'NOT_ALLOWED',
  message: `${context.self} is sealed: no new members. Nothing of this was added.`,
})
