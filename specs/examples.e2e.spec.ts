import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

/** What each example prints, as its comments promise it. */
const prints: Record<string, string[]> = {
  '01-one-job.ts': [
    'printing 4711, attempt 1, run 1',
    'printing 4711, attempt 2, run 2',
    'printed 4 pages',
    'submitted again: succeeded, 4 pages',
  ],
  '02-a-group-with-output.ts': [
    'binding 4 reports: 3 succeeded, 1 failed',
    "bound { pages: 12, missing: [ 'Atlantis (no such city)' ] }",
    'ended succeeded { total: 4, succeeded: 3, failed: 1, cancelled: 0 }',
  ],
  '03-two-services.ts': ["shipped { by: 'warehouse', after: [ 'charge by billing', 'pack by warehouse' ] }", "charged { by: 'billing' }"],
  '04-replay.ts': ['replayed 6 events of job:flaky-1: every decision as recorded', 'another record: state differs'],
  '05-wait-without-polling.ts': ['submit -> open', 'ended -> output', 'ended -> succeeded', '3 pages'],
  '06-suspend-and-resume.ts': [
    'round 1: nothing yet',
    'round 1 waits for all of bank, stock, without a deadline: bank came, stock missing',
    'round 2: bank, stock',
    'round 3: gift',
    "{ number: '77', paid: true, card: 'none' }",
  ],
  '07-dead-letters.ts': [
    'job:a@2 Error: attempt 2: 47 is too short',
    'job:b@1 TERMINAL: there is no invoice 0',
    "{ number: '47' } [ 'attempt 1: 47 is too short', 'attempt 2: 47 is too short' ]",
    "{ printed: '4711' }",
    '{ dropped: 1, refused: [] }',
  ],
  '08-a-handler-in-a-thread.ts': [
    'primes below a million: 78498',
    'meanwhile: pong',
    'job:endless failed: job:endless: the attempt took longer than its timeout of 5000 ms',
  ],
  '09-six-chains.ts': [
    'Plan of 2026-11-23 in Europe/Zurich',
    'chain       after    start  end  state     why',
    'B                    18:00       waiting   starts at 18:00',
    'D           B                    waiting   waits for B, which starts at 18:00',
    'E           B                    waiting   waits for B, which starts at 18:00',
    'F           B                    waiting   waits for B, which starts at 18:00; not before 19:30',
    'G           B                    waiting   waits for B, which starts at 18:00; not before 20:00',
    'I/workday   D E F G              waiting   waits for D, which waits for B; waits for E, which waits for B; waits for F, which waits for B; waits for G, which waits for B',
    'I/saturday                       inactive  not in the plan of 2026-11-23: saturdays is not active, it is a monday ',
    '18:00  B starts',
    '19:30  D starts',
    '19:30  E starts',
    '19:30  F starts',
    '20:00  G starts',
    '20:10  I starts',
    'Plan of 2026-11-23 in Europe/Zurich',
    'chain       after    start  end    state      why',
    'B                    18:00  19:30  succeeded  succeeded at 19:30',
    'D           B        19:30  19:40  succeeded  succeeded at 19:40',
    'E           B        19:30  19:40  succeeded  succeeded at 19:40',
    'F           B        19:30  19:40  succeeded  succeeded at 19:40',
    'G           B        20:00  20:10  succeeded  succeeded at 20:10',
    'I/workday   D E F G  20:10  20:20  succeeded  succeeded at 20:20',
    'I/saturday                         inactive   not in the plan of 2026-11-23: saturdays is not active, it is a monday',
  ],
}

const run = promisify(execFile)
const examples = suite('examples: each runs by itself and prints what it promises (R3, R5, E1) [embedded]')

examples('none is without a spec', () => {
  assert.equal(
    readdirSync('examples').filter((file) => file.endsWith('.ts')),
    Object.keys(prints),
  )
})

for (const [file, lines] of Object.entries(prints))
  examples(file, async () => {
    const { stdout, stderr } = await run(process.execPath, ['--import', 'tsx', `examples/${file}`])
    assert.is(stderr, '')
    assert.is(oneLine(stdout), oneLine(lines.join('\n')))
  })

examples('09-six-chains.ts, where B cannot be removed', async () => {
  const chains = (remove: string) => run(process.execPath, ['--import', 'tsx', 'examples/09-six-chains.ts', '--remove', remove])
  const { stdout, stderr } = await chains('20:00')
  assert.is(stderr, '')
  assert.match(stdout, /20:00 {2}B succeeded at 19:30: what is done cannot be removed/)
  const error = await chains('soon').catch((reason) => reason as { stderr: string })
  assert.match(error.stderr, /ValidationError: time: "2026-11-23Tsoon:00\+01:00" is not a time/)
})

/** How wide an object is printed depends on the version of Node. */
const oneLine = (text: string) => text.trim().replaceAll(/\s+/g, ' ')

examples.run()
