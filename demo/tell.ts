import { join, relative } from 'node:path'
import type { Book } from './jobs.ts'

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

/** As one would type it. */
export const pathOf = (folder: string, file: string): string => relative(process.cwd(), join(folder, file))

export const describe = (folder: string, { file, pages, bytes }: Book): string =>
  `${pathOf(folder, file)}: ${pages} pages, ${Math.round(bytes / 1024)} KB`
