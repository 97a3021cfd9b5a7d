/** A person with a real browser, from the application to its answer. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { auth } from '@modelcontextprotocol/client';
import { describe, expect, it } from 'vitest';
import { createInbox } from '../support/inbox.ts';
import { bearer } from './support.ts';
import { findChromium, openChromium } from './web-chromium.ts';
import { Application, openSite, type Kind } from './web-site.ts';
import { askList, toolsOf } from './web-support.ts';

const program = findChromium();

describe.runIf(program !== undefined)('with Chromium (needs chromium)', () => {
  it.each<Kind>(['tls', 'loopback'])(
    'a person signs in, reads what is asked, approves, and the application gets its tokens, %s',
    { timeout: 60_000 },
    async (kind) => {
      await using site = await openSite(kind);
      await using browser = await openChromium(program as string);
      const answers = createInbox<URL>();
      const listener = createServer((request, response) => {
        answers.push(new URL(request.url ?? '', 'http://127.0.0.1'));
        response.setHeader('content-type', 'text/plain').end('Back at the application.');
      });
      await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
      const callback = `http://127.0.0.1:${(listener.address() as AddressInfo).port}/callback`;
      const application = new Application('A real application', callback);
      const serverUrl = `${site.base}/mcp`;
      try {
        expect(await auth(application, { serverUrl })).toBe('REDIRECT');
        await browser.open(String(application.asked));
        await browser.until(/Sign in to go on/);
        await browser.press('Sign in with');
        await browser.until(/Let this client in\?/);
        const asked = await browser.text();
        for (const shown of ['A real application', new URL(callback).host, serverUrl, 'alice']) {
          expect(asked).toContain(shown);
        }
        expect(answers.items).toEqual([]);
        await browser.press('Approve');
        await browser.until(/Back at the application/);
        const { searchParams } = await answers.until(({ pathname }) => pathname === '/callback', 'the answer');
        const authorizationCode = searchParams.get('code') as string;
        const iss = searchParams.get('iss') as string;
        expect(await auth(application, { serverUrl, authorizationCode, iss })).toBe('AUTHORIZED');
        const headers = bearer(application.tokens()?.access_token as string);
        const listed = await askList(serverUrl, { headers, ...(site.ca !== undefined && { with: { ca: site.ca } }) });
        expect(toolsOf(listed)).toContain('up__pid');
        // Nothing of a page was held back: no style, no form, no step.
        expect(browser.complaints.filter((each) => !/401|favicon/.test(each))).toEqual([]);
      } finally {
        listener.closeAllConnections();
        await new Promise((resolve) => listener.close(resolve));
      }
    },
  );
});
