import { setTimeout as sleep } from 'node:timers/promises'
import { type GroupHandle, isStellwerkError, type View } from '../src/index.ts'

export interface Bar {
  /** Writes a line of its own, above the bar. */
  say(line: string): void
  /** Resolves when it has shown how things are now. */
  stop(): Promise<void>
}

const width = 32
const pause = 120

/** Shows how far a group is: on a terminal one line that is drawn again, elsewhere a line for every quarter. */
export function showProgress(group: GroupHandle, what: string): Bar {
  const terminal = process.stdout.isTTY
  let shown = ''
  let quarter = -1
  let stopped = false

  function show(view: View): void {
    const line = lineOf(view, what)
    if (terminal && line !== shown) process.stdout.write(`\r\x1b[2K${line}`)
    if (!terminal && quarterOf(view) !== quarter) console.log(line)
    shown = line
    quarter = quarterOf(view)
  }

  async function watch(): Promise<void> {
    for (let last = false; !last; ) {
      last = stopped
      // Nobody answers while the partition of the group changes hands; the next look is soon.
      const view = await group.view().catch(quietly)
      if (view) show(view)
      if (!stopped) await sleep(pause)
    }
    if (terminal && shown) process.stdout.write('\n')
  }

  const watching = watch()
  return {
    say(line) {
      if (terminal) process.stdout.write(`\r\x1b[2K${line}\n${shown}`)
      else console.log(line)
    },
    stop() {
      stopped = true
      return watching
    },
  }
}

function quietly(error: unknown): undefined {
  if (!isStellwerkError(error)) throw error
}

function countsOf({ members }: View) {
  const { total, succeeded, failed, cancelled } = members!
  return { total, failed, ended: succeeded + failed + cancelled }
}

function quarterOf(view: View): number {
  const { total, ended } = countsOf(view)
  return view.final ? 6 : view.state === 'output' ? 5 : Math.floor((4 * ended) / Math.max(1, total))
}

function lineOf(view: View, what: string): string {
  const { total, ended, failed } = countsOf(view)
  const full = total ? Math.floor((width * ended) / total) : width
  const note = view.state === 'output' ? ', binding them' : view.final ? `, ${view.state}` : ''
  return `${'█'.repeat(full)}${'░'.repeat(width - full)} ${ended} of ${total} ${what}${failed ? `, ${failed} failed` : ''}${note}`
}
