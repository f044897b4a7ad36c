import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'

/**
 * What was started here must end with this process, however that ends: by itself, by a signal, by an
 * uncaught exception, even by SIGKILL. No exit handler can do the last, so one small shell process does
 * all of them: it holds the other end of a pipe, remembers the last line it was sent, and runs it when
 * the pipe closes. While nothing is guarded there is no such process.
 */
const script = `
exec 2>/dev/null
gone() { # PID: not there, or only waiting for its parent to take notice
  kill -0 "$1" || return 0
  case $(cat "/proc/$1/stat") in *') Z '*) return 0 ;; esac
  return 1
}
end() { # SIGNAL PID: ask, wait up to 5 s, then make sure
  kill -"$1" "$2" || return 0
  kill -CONT "$2"
  i=0
  until gone "$2" || [ $i -eq 100 ]; do sleep 0.05; i=$((i + 1)); done
  kill -KILL "$2"
}
last=
while IFS= read -r line; do last=$line; done
eval "$last"
`

const guarded = new Map<symbol, string>()
let shell: ChildProcess | undefined

/**
 * Has `command` (shell) run when this process is gone, the latest command first: guard the folder before
 * the process that writes to it. `end SIGNAL PID` is there to be used. Returns what takes the guard away.
 */
export function guard(command: string): () => void {
  const key = Symbol(command)
  guarded.set(key, command)
  tell()
  return () => {
    if (guarded.delete(key)) tell()
  }
}

function tell(): void {
  if (!shell) {
    // detached: a Ctrl-C in the terminal, or a signal to the group, is not for the watchdog
    const child = spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
    child.on('error', () => {})
    child.stdin.on('error', () => {})
    child.unref()
    ;(child.stdin as unknown as Socket).unref()
    shell = child
  }
  shell.stdin?.write(`${[...guarded.values()].reverse().join('; ')}\n`)
  if (guarded.size === 0) {
    shell.stdin?.end()
    shell = undefined
  }
}

/** A string as one word of shell. */
export const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`
