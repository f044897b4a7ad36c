import { quoted, refuse } from '../../errors.ts'

/**
 * Where frames are in the event stream. What hosts and clients send is believed as it stands; what other programs publish as `<ns>.command.<root>` is
 * checked. The stream itself puts it in a place of its own: no root that a program names looks like what hosts send.
 *
 *   hosts and clients ────────────────► <ns>.event.<partition>.-
 *   <ns>.command.<root> ──(transform)─► <ns>.event.<partition>.command.<root>
 */
export const frameSubject = (namespace: string, partition: number) => `${namespace}.event.${partition}.-`

/** All frames of a partition. */
export const framesOf = (namespace: string, partition: number) => `${namespace}.event.${partition}.>`

export const eventSubjects = (namespace: string, partitions: number) => {
  const src = `${namespace}.command.*`
  return {
    subjects: [src, `${namespace}.event.*.*`, `${namespace}.event.*.command.*`],
    subject_transform: { src, dest: `${namespace}.event.{{partition(${partitions},1)}}.command.{{wildcard(1)}}` },
  }
}

/** Root that a program named; undefined: a host or a client has sent it. */
export function rootIn(subject: string): string | undefined {
  const [, , , first, root] = subject.split('.')
  return root ?? (first === '-' ? undefined : first)
}

export function checkNamespace(namespace: unknown): void {
  if (typeof namespace !== 'string' || !/^[A-Za-z0-9_-]{1,100}$/.test(namespace))
    refuse('namespace', `${quoted(namespace)} may hold letters, digits, "_" and "-", 100 at most.`)
}
