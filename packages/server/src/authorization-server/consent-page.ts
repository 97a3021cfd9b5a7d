/**
 * What a person reads before a client gets anything: who asks, where the answer goes, what it allows. The client's name
 * is its own word and is shown as such; the place that the answer goes to is what counts, and is shown whole.
 */

import { html, type Html } from '../browser/html.ts';
import type { Principal } from '../exchange.ts';
import type { ReturnAddress, Wanted } from './authorization-request.ts';
import type { RedirectTarget } from './redirect-uri.ts';

export interface Consent {
  readonly address: ReturnAddress;
  readonly wanted: Wanted;
  readonly principal: Principal;
  /** Where the form goes: a path of ours with its query. */
  readonly action: string;
  /** What makes the form this person's. */
  readonly fields: Html;
}

const PLACES: Readonly<Record<RedirectTarget['kind'], string>> = {
  site: 'the web site',
  loopback: 'a program on this computer, at',
  app: 'an app on this device that answers to',
};

/** The title of the page, and what stands below it. */
export function consentPage({ action, address, fields, principal, wanted }: Consent): { title: string; body: Html } {
  const { client, target } = address;
  const name = client.metadata.client_name;
  const body = html`
    <p>
      A client that calls itself <strong>${name ?? client.id}</strong> asks to act for you.
      ${
        client.publisher === undefined
          ? html`It registered here by itself; nobody has checked its name.`
          : html`It is described at <strong>${client.publisher}</strong>.`
      }
    </p>
    <dl>
      <dt>You are</dt>
      <dd>${personName(principal)}</dd>
      <dt>The answer goes to</dt>
      <dd>${PLACES[target.kind]} <strong>${target.name}</strong></dd>
      <dt>It will use</dt>
      <dd>${wanted.resource}</dd>
      <dt>It may</dt>
      <dd>${scopeText(wanted.scopes)}</dd>
    </dl>
    ${
      target.kind !== 'site' &&
      html`<p>Any program on this device could ask like this. Approve only what you have started yourself just now.</p>`
    }
    <form method="post" action="${action}">
      ${fields}
      <button name="decision" value="approve">Approve</button>
      <button class="quiet" name="decision" value="deny">Deny</button>
    </form>
  `;
  return { title: 'Let this client in?', body };
}

function scopeText(scopes: readonly string[]): Html {
  if (scopes.length === 0) return html`use what you may use there, as you`;
  return html`use what you may use there, as you, within: ${scopes.join(', ')}`;
}

/** As the person knows it, if the provider said. */
function personName({ claims, subject }: Principal): string {
  const { email, name, preferred_username: username } = claims ?? {};
  return [email, username, name].find((each) => typeof each === 'string') ?? subject;
}
