import { array, assert, constantFrom, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchesRedirectUri, redirectTarget } from './redirect-uri.ts';

describe('which redirect URIs a client may have', () => {
  it.each([
    ['https://app.example/cb', 'site', 'app.example'],
    ['https://app.example:8443/cb?a=1', 'site', 'app.example:8443'],
    ['https://xn--mnchen-3ya.example/cb', 'site', 'xn--mnchen-3ya.example'],
    ['http://127.0.0.1:33418/', 'loopback', '127.0.0.1:33418'],
    ['http://127.0.0.1/callback', 'loopback', '127.0.0.1'],
    ['http://[::1]:8080/callback', 'loopback', '[::1]:8080'],
    ['http://localhost', 'loopback', 'localhost'],
    ['com.example.app:/callback', 'app', 'com.example.app'],
    ['com.example.app://callback', 'app', 'com.example.app'],
    ['cursor://anysphere.cursor-mcp/oauth/callback', 'app', 'cursor'],
    ['vscode-insiders://publisher.extension/cb', 'app', 'vscode-insiders'],
  ])('%s leads to a %s', (uri, kind, name) => {
    expect(redirectTarget(uri)).toEqual({ kind, name });
  });

  it.each([
    ['a number', 7],
    ['nothing', ''],
    ['plain http elsewhere', 'http://app.example/cb'],
    ['a name that begins like loopback', 'http://localhost.evil.example/cb'],
    ['an address that begins like loopback', 'http://127.0.0.1.evil.example/'],
    ['userinfo that looks like loopback', 'http://127.0.0.1:80@evil.example/'],
    ['another loopback address', 'http://127.0.0.2/'],
    ['a number for an address', 'http://2130706433/'],
    ['userinfo', 'https://user@app.example/cb'],
    ['a password', 'https://:pw@app.example/cb'],
    ['a fragment', 'https://app.example/cb#x'],
    ['an empty fragment', 'https://app.example/cb#'],
    ['a wildcard in the host', 'https://*.example/cb'],
    ['a wildcard in the path', 'https://app.example/*'],
    ['javascript', 'javascript:alert(1)'],
    ['data', 'data:text/html,x'],
    ['vbscript', 'vbscript:x'],
    ['file', 'file:///etc/passwd'],
    ['blob', 'blob:https://app.example/1'],
    ['about', 'about:blank'],
    ['a scheme without a dot', 'myapp:/cb'],
    ['a scheme without a dot that begins like one of an editor', 'cursors://anysphere/cb'],
    ['a scheme of an editor and nobody to hear it', 'cursor:/cb'],
    ['a scheme with a dot and nothing behind', 'com.example.app:cb'],
    ['a capital in the host', 'https://App.example/cb'],
    ['dots to walk up', 'https://app.example/a/../b'],
    ['a backslash', 'https://app.example\\@evil.example/'],
    ['a quote', 'https://app.example/"onload='],
    ['an angle bracket', 'https://app.example/<script>'],
    ['a blank', 'https://app.example/a b'],
    ['a tab that a parser drops', 'java\tscript:alert(1)'],
    ['a line break', 'https://app.example/\r\nset-cookie: a=b'],
    ['text outside of ASCII', 'https://münchen.example/cb'],
    ['no host', 'https:///cb'],
    ['a path alone', '/cb'],
    ['too much', `https://app.example/${'a'.repeat(2000)}`],
  ])('refuses %s', (_what, uri) => {
    expect(redirectTarget(uri)).toBeUndefined();
  });
});

describe('which redirect URI a request may name', () => {
  it.each([
    ['https://app.example/cb', 'https://app.example/cb', true],
    ['https://app.example/cb', 'https://app.example/cb/', false],
    ['https://app.example/cb', 'https://app.example/cb?x=1', false],
    ['https://app.example/cb', 'https://app.example:444/cb', false],
    ['https://app.example/cb', 'https://app.example/CB', false],
    ['https://localhost/cb', 'https://localhost:444/cb', false],
    ['http://127.0.0.1/cb', 'http://127.0.0.1:5000/cb', true],
    ['http://127.0.0.1:4000/cb', 'http://127.0.0.1:5000/cb', true],
    ['http://[::1]:4000/cb', 'http://[::1]:5000/cb', true],
    ['http://localhost:4000/cb', 'http://localhost:5000/cb', true],
    ['http://localhost:4000/cb', 'http://127.0.0.1:4000/cb', false],
    ['http://localhost:4000/cb', 'http://localhost:4000/other', false],
    ['http://localhost:4000/cb', 'http://localhost:5000@evil.example/cb', false],
    ['com.example.app:/cb', 'com.example.app:/cb2', false],
  ])('registered %s, asked for %s: %s', (registered, asked, expected) => {
    expect(matchesRedirectUri(registered, asked)).toBe(expected);
  });

  it('frees the port of loopback and nothing else, whatever is asked', () => {
    const piece = constantFrom(
      'http://',
      'localhost',
      ':',
      '1',
      '65535',
      '@',
      '.',
      'evil',
      '/',
      '/cb',
      '?',
      '//',
      '[::1]',
    );
    assert(
      property(array(piece, { maxLength: 4 }), array(piece, { maxLength: 3 }), (middle, end) => {
        const asked = `http://localhost${middle.join('')}/cb${end.join('')}`;
        const expected = /^http:\/\/localhost(?::\d{1,5})?\/cb$/.test(asked);
        expect(matchesRedirectUri('http://localhost:1/cb', asked)).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });
});
