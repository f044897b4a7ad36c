// Handlers that compute for long, in threads: the host goes on with other work, and one that does not end in time is ended by force.
import { z } from 'zod'
import { embedded } from '../src/embedded.ts'
import { createHost, defineJob } from '../src/index.ts'

const primes = defineJob({ name: 'primes', input: z.object({ below: z.number() }), retry: { attempts: 1 }, timeout: '5s' })
const ping = defineJob({ name: 'ping' })

await using host = await createHost({
  on: embedded(':memory:'),
  handlers: [
    primes.handler(new URL('./handlers/count-primes.ts', import.meta.url), { isolate: 'thread', grace: '100ms' }),
    ping.handler(() => 'pong'),
  ],
})

const endless = await host.client.submit(primes, { below: Number.MAX_SAFE_INTEGER }, { id: 'endless' })
console.log('primes below a million:', await (await host.client.submit(primes, { below: 1_000_000 })).result())
console.log('meanwhile:', await (await host.client.submit(ping, null)).result())
console.log(await endless.result().catch((error: Error) => error.message))
