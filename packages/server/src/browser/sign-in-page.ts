/** What stands on the pages around signing in. Text and forms only; the frame is in pages.ts. */

import { html, type Html, type HtmlPart } from './html.ts';
import type { BrowserSession } from './types.ts';

export interface SignInForms {
  /** The path to go on to. */
  readonly to: string;
  readonly providerName: string | undefined;
  readonly codeHint: string;
  /** What went wrong with the last attempt. */
  readonly problem: string | undefined;
}

export function signInForms({ to, providerName, codeHint, problem }: SignInForms): Html {
  const next = html`<input type="hidden" name="return" value="${to}" />`;
  const codeForm = html`<form method="post" action="/login">
    ${next}
    <label for="code">One-time code</label>
    <input id="code" name="code" type="text" required autocomplete="off" autocapitalize="off" spellcheck="false" />
    <button class="${providerName === undefined ? '' : 'quiet'}">Continue with the code</button>
    <p class="note">${withCommands(codeHint)}</p>
  </form>`;
  const alert = problem !== undefined && html`<p class="problem" role="alert">${problem}</p>`;
  if (providerName === undefined)
    return html`${alert}
      <p>Enter the one-time code to go on.</p>
      ${codeForm}`;
  return html`${alert}
    <p>Sign in to go on. You will come back here afterwards.</p>
    <form method="post" action="/login">${next}<button>Sign in with ${providerName}</button></form>
    <details ${problem === undefined ? '' : 'open'}>
      <summary>Use a one-time code instead</summary>
      ${codeForm}
    </details>`;
}

/** What stands between backticks is to be typed. */
function withCommands(sentence: string): readonly HtmlPart[] {
  return sentence.split('`').map((part, index) => (index % 2 === 0 ? part : html`<code>${part}</code>`));
}

/** For whoever opened a code: a look does not use it up. */
export function codeQuestion(code: string): Html {
  return html`<p>Somebody who runs this gateway made a one-time code for you. It signs you in, once.</p>
    <form method="post" action="/login">
      <input type="hidden" name="code" value="${code}" />
      <button>Continue</button>
    </form>
    <p class="note">If you did not ask for it, close this page.</p>`;
}

/** `isKept`: the browser stays signed in. */
export function signedInNote(session: BrowserSession, isKept: boolean): Html {
  const who = whoIs(session);
  if (!isKept) {
    return html`${who}
      <p>
        Without HTTPS a sign-in holds for one page only. Open the page that you need; it asks for a code of its own.
      </p>`;
  }
  return html`${who}
    <form method="post" action="/logout">${session.fields('logout')}<button class="quiet">Sign out</button></form>`;
}

/** The name, and what vouches for it. */
export function whoIs({ principal }: Pick<BrowserSession, 'principal'>): Html {
  const { claims, issuer, subject } = principal;
  const names = [claims?.['name'], claims?.['email'], claims?.['preferred_username']];
  const name = names.find((each) => typeof each === 'string' && each !== '');
  const rows: readonly (readonly [string, string])[] = [
    ...(typeof name === 'string' ? [['Name', name] as const] : []),
    ['Account', subject],
    ['Known from', issuer === 'local' ? 'a client key of this gateway' : issuer],
  ];
  return html`<dl>
    ${rows.map(
      ([label, value]) =>
        html`<div>
          <dt>${label}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}
