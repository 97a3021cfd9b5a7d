/** Mix-up (RFC 9700 §4.4): the answer of one authorization server is not taken for that of another. */

import { afterEach, beforeEach, expect, it } from 'vitest';
import { loginOf, REDIRECT_URI } from './testing/gateway.ts';
import { openScene, type Scene } from './testing/signed-in.ts';

const NAMELESS = { authorization_response_iss_parameter_supported: false };
const opened: { scene?: Scene } = {};
const scene = (): Scene => opened.scene!;

beforeEach(async () => {
  opened.scene = await openScene();
  scene().mock.publish({ server: NAMELESS });
});
afterEach(() => scene().mock.close());

it('UPS-04 a server that does not name itself in its answers has a redirect URI of its own, and none is believed elsewhere', async () => {
  const one = scene().open();
  const login = await loginOf(one);
  const uri = new URL(login.url).searchParams.get('redirect_uri')!;
  expect(uri).toMatch(new RegExp(`^${REDIRECT_URI}/[0-9a-f]{32}$`));
  expect(JSON.parse(scene().mock.asked('/register')[0]!.body)).toMatchObject({ redirect_uris: [uri] });
  const query = scene().back(login, { iss: undefined });
  for (const below of [undefined, 'f'.repeat(32)]) {
    const again = scene().back(await loginOf(scene().open()), { iss: undefined });
    await expect(one.finish(again, below)).rejects.toThrow('was not sent by');
  }
  expect(scene().mock.asked('/token')).toEqual([]);
  await one.finish(query, uri.slice(REDIRECT_URI.length + 1));
  expect(scene().mock.asked('/token')[0]!.form.get('redirect_uri')).toBe(uri);
  expect(await one.token()).toBe('at1');
});

it('UPS-04 an answer at the redirect URI of another server is refused also where the server names itself', async () => {
  scene().mock.publish();
  const one = scene().open();
  const login = await loginOf(one);
  await expect(one.finish(scene().back(login), 'f'.repeat(32))).rejects.toThrow('was not sent by');
  expect(scene().mock.asked('/token')).toEqual([]);
});

it.each([
  ['oauth.clientId', { clientId: 'me' }, {}],
  [
    'a metadata document',
    { clientMetadataUrl: 'https://me.example/client' },
    { client_id_metadata_document_supported: true },
  ],
])(
  'UPS-04 a client that was registered by hand (%s) shares one, where the login page is the server’s own',
  async (_what, client, more) => {
    const one = scene().open({ client });
    scene().mock.publish({ server: { ...NAMELESS, ...more } });
    const login = await loginOf(one);
    expect(new URL(login.url).searchParams.get('redirect_uri')).toBe(REDIRECT_URI);
    await one.finish(scene().back(login, { iss: undefined }));
    expect(await one.token()).toBe('at1');
    const elsewhere = { authorization_endpoint: 'https://honest.example/authorize', ...more };
    scene().mock.publish({ server: { ...NAMELESS, ...elsewhere } });
    await expect(loginOf(scene().open({ client, url: scene().mock.resource }), 'Bearer', 'at1')).rejects.toThrow(
      'login page is at another origin',
    );
  },
);
