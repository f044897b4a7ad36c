import type { Member } from '../../actors/members.ts'
import { type Address, idOf } from '../address.ts'
import { checkKey, checkMemberId } from '../command.ts'
import type { MemberOf } from '../definition.ts'
import type { ActorEvent } from '../envelope.ts'
import { IncompleteError, invalid } from '../errors.ts'
import { checkFields, isIterable } from '../fields.ts'
import { weightOf } from '../payload.ts'
import { checkedAll, type Given, withSent } from './checked.ts'
import type { Prepare } from './prepare.ts'

/** Members as the caller gives them. */
export type GivenMembers = Given<MemberOf>

/**
 * Sends members to a group: the first ones by `first`, if it is given, the others as additions; the last message seals, if `seal` says
 * so. Throws IncompleteError if they cannot be read to their end and some were sent.
 */
export type SendMembers = (to: Address, members: GivenMembers, seal: boolean, first?: (members: Member[]) => ActorEvent) => Promise<void>

/** Members that travel in one message, and the characters of JSON that they may have together. */
const chunkMembers = 250
const chunkSize = 192 * 1024

export function memberSending(prepare: Prepare, command: (to: Address, event: ActorEvent) => Promise<void>): SendMembers {
  async function memberOf(to: Address, member: MemberOf, index: number): Promise<Member> {
    checkFields(member, ['definition', 'input', 'key'], `members.${index}`)
    const { definition, input, key } = member
    checkKey(key, `members.${index}.key`)
    checkMemberId(`${idOf(to)}/${key}`, `members.${index}.key`)
    return { key, ...(await prepare(definition, input, `members.${index}.input`)) }
  }

  async function checked(to: Address, members: GivenMembers): Promise<Given<Member>> {
    if (typeof members !== 'object' || !isIterable(members))
      throw invalid('members', 'must be an array, a generator or a stream of job.with(input, { key })')
    return checkedAll(members, (member, index) => memberOf(to, member, index))
  }

  /** One message is on its way while the next is made. */
  return async (to, members, seal, first) => {
    let added = 0
    let refusal: Error | undefined
    let begun = false
    let pending: Member[] | undefined
    let sent: Promise<void> = Promise.resolve()

    const send = async (chunk: Member[], last: boolean) => {
      await sent
      const event = !begun && first ? first(chunk) : { type: 'add', members: chunk, ...(first && { ofSubmit: true }) }
      begun = true
      sent = command(to, last ? { ...event, seal: true } : event).then(
        () => void (added += chunk.length),
        (error) => {
          refusal = error
          throw error
        },
      )
      sent.catch(() => {})
    }
    try {
      for await (const chunk of chunks(to, await checked(to, members))) {
        if (pending) await send(pending, false)
        pending = chunk
      }
      await send(pending!, seal)
      await sent
    } catch (error) {
      await sent.catch(() => {})
      if (refusal) throw withSent(refusal, added, 'members of this call were added')
      throw added ? new IncompleteError(idOf(to), added, { cause: error }) : error
    }
  }
}

/** Members in chunks, one at least: no message, and no outbox of the group, becomes large. */
async function* chunks(to: Address, members: Given<Member>): AsyncGenerator<Member[]> {
  let chunk: Member[] = []
  let size = 0
  for await (const member of members) {
    const { length } = JSON.stringify(member)
    const weight = Math.max(weightOf(to, member, length), length)
    if (chunk.length && (chunk.length >= chunkMembers || size + weight > chunkSize)) {
      yield chunk
      chunk = []
      size = 0
    }
    chunk.push(member)
    size += weight
  }
  yield chunk
}
