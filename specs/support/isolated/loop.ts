import { appendFileSync } from 'node:fs'

/** Never ends, and lets nothing else run in its thread: what is to be ended by force. Each line says that it still runs. */
export default function loop({ file }: { file: string }): never {
  for (let beat = 0; ; beat++) {
    appendFileSync(file, `${beat}\n`)
    for (const until = Date.now() + 20; Date.now() < until; );
  }
}
