import { randomUUID } from 'node:crypto'

/** Id of what nobody has named: 122 random bits. They come from a stock: to ask the system for each costs as much as the rest of a submit. */
export const randomId = (): string => randomUUID().replaceAll('-', '')
