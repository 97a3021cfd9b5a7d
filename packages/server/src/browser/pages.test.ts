import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { html } from './html.ts';
import { openServer, openSite, type Site } from './testing/site.ts';
import { WebBrowser } from './testing/web-browser.ts';

describe('pages', () => {
  const made: { site?: Site } = {};
  const site = (): Site => made.site as Site;
  beforeEach(async () => {
    made.site = openSite(await openServer(), { returnPaths: ['/consent', '/other'] });
  });
  afterEach(async () => {
    await made.site?.close();
  });

  it('P2-08 run nothing, are framed by nobody and kept nowhere, whatever their status', async () => {
    const browser = new WebBrowser();
    const { origin } = site();
    const { code } = await site().browser.codes.create({ issuer: 'local', subject: 'a', roles: [] });
    const pages = await Promise.all([
      browser.open(`${origin}/login`),
      browser.open(`${origin}/consent`),
      browser.open(`${origin}/login/${'A'.repeat(43)}`),
      browser.open(`${origin}/oauth/callback`),
      browser.open(`${origin}/logout`),
      browser.post(`${origin}/login`, { code, return: '/other' }),
    ]);
    expect(pages.map(({ status }) => status)).toEqual([200, 401, 404, 403, 405, 303]);
    for (const { headers, status, text } of pages) {
      expect(headers['cache-control']).toBe('no-store');
      expect(headers['set-cookie']).toBeUndefined();
      if (status === 303) continue;
      expect(headers['content-type']).toBe('text/html; charset=utf-8');
      expect(headers['content-security-policy']).toBe(
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
      );
      expect(text).not.toMatch(/<script|<style|\sstyle=|\son\w+=|<img|<iframe/i);
      expect(text).toMatch(/^<!doctype html>\s*<html lang="en">/);
    }
  });

  it('have a style that may be kept, since its path changes with it', async () => {
    const browser = new WebBrowser();
    const page = await browser.open(`${site().origin}/login`);
    const path = /<link rel="stylesheet" href="([^"]+)"/.exec(page.text)?.[1] as string;
    const style = await browser.open(site().origin + path);
    expect([style.status, style.headers['content-type']]).toEqual([200, 'text/css; charset=utf-8']);
    expect(style.headers['cache-control']).toContain('immutable');
    expect(style.text).not.toMatch(/url\(|@import/);
  });

  it('escape what they are given, and name the places that their forms may lead to', async () => {
    const answers: string[] = [];
    const server = await openServer();
    const allowed = ['https://app.test:8443', 'http://127.0.0.1:1', 'http://[::1]:1', 'cursor:', 'com.example.app:'];
    server.server.on('request', (request, response) => {
      const wanted = new URL(request.url ?? '', 'http://own').searchParams.get('action');
      const formAction = wanted === null ? allowed : [wanted];
      try {
        site().browser.page(response, { title: '<i>&"', body: html`<p>${'<b>'}</p>`, formAction });
      } catch (error) {
        answers.push((error as Error).message);
        response.end();
      }
    });
    const browser = new WebBrowser();
    const page = await browser.open(server.origin);
    expect(page.text).toContain('<h1>&lt;i&gt;&amp;&quot;</h1>');
    expect(page.text).toContain('<p>&lt;b&gt;</p>');
    expect(page.headers['content-security-policy']).toContain(`form-action 'self' ${allowed.join(' ')};`);
    const refused = [
      'https:',
      'http:',
      'javascript:',
      'data:',
      '*',
      "'unsafe-inline'",
      'https://a.test; script-src *',
      'https://*.test',
      'https://a.test/path',
      '',
    ];
    for (const each of refused) await browser.open(`${server.origin}/?action=${encodeURIComponent(each)}`);
    server.server.close();
    expect(answers).toHaveLength(refused.length);
  });

  it('show what is to be typed as such', async () => {
    const page = await new WebBrowser().open(`${site().origin}/login`);
    expect(page.text).toContain('Run <code>make &lt;a&gt; code</code> in a terminal on this machine.');
  });

  it('send a browser to web addresses only', async () => {
    const response = { headersSent: true } as never;
    for (const url of ['javascript:alert(1)', 'file:///etc/passwd', 'cursor://x']) {
      expect(() => site().browser.leave(response, new URL(url), 'there')).toThrow(TypeError);
    }
  });
});
