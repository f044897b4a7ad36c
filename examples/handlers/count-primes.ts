// A handler in a module of its own: its default export. It blocks its thread, and reacts to nothing.
export default function countPrimes({ below }: { below: number }): number {
  let count = 0
  for (let n = 2; n < below; n++) {
    let isPrime = true
    for (let d = 2; d * d <= n && isPrime; d++) isPrime = n % d !== 0
    if (isPrime) count++
  }
  return count
}
