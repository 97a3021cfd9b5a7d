/**
 * A browser without a person, for the suite: `node scripts/conformance/browser.ts URL`. It opens the page of an authorization
 * server that asks nobody anything, and brings what that says back to the gateway. It follows no other redirection.
 */

const TIMEOUT_MS = 10_000;

async function main(): Promise<void> {
  const [url] = process.argv.slice(2);
  if (url === undefined) throw new Error('usage: browser.ts URL');
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const asked = await fetch(url, { redirect: 'manual', signal });
  const location = asked.headers.get('location');
  if (location === null) throw new Error(`the authorization server answered ${asked.status} and led nowhere`);
  const back = await fetch(new URL(location, url), { redirect: 'manual', signal });
  if (!back.ok) throw new Error(`the gateway answered ${back.status}`);
}

await main();
