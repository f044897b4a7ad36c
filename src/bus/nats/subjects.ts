/** In place of a root: what hosts and clients send names none. */
export const noRoot = '-'

export const eventSubject = (namespace: string, partition: number, root: string) => `${namespace}.event.${partition}.${root}`
