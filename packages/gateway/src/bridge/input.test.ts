import { describe, expect, it } from 'vitest';
import { inputRequest, isAnswer, requiredUrls, sessionAnswer, sessionQuestion } from './input.ts';

const none = (): string => 'random';

describe('a question of a session-era server', () => {
  it('keeps what it does not know, and loses what cannot cross', () => {
    const form = { message: 'm', requestedSchema: { type: 'object' }, vendor: 1 };
    expect(
      inputRequest('elicitation/create', {
        ...form,
        task: { ttl: 1 },
        _meta: { progressToken: 1, 'io.modelcontextprotocol/related-task': { taskId: 't' }, 'vendor/x': 1 },
      }),
    ).toEqual({ method: 'elicitation/create', params: { ...form, _meta: { 'vendor/x': 1 } } });
    expect(inputRequest('roots/list', { _meta: { progressToken: 1 } })).toEqual({ method: 'roots/list', params: {} });
    expect(inputRequest('roots/list', undefined)).toEqual({ method: 'roots/list' });
  });

  it('has no id of its elicitation: nothing would tell a stateless client of it', () => {
    const url = { mode: 'url', url: 'https://a', message: 'm' };
    expect(inputRequest('elicitation/create', { ...url, elicitationId: 'e' })).toEqual({
      method: 'elicitation/create',
      params: url,
    });
  });
});

describe('an answer', () => {
  const block = { type: 'text', text: 't' };
  it.each([
    ['elicitation/create', { action: 'accept', content: { a: 1 } }, true],
    ['elicitation/create', { action: 'decline' }, true],
    ['elicitation/create', { action: 'maybe' }, false],
    ['elicitation/create', { action: 'accept', content: [] }, false],
    ['elicitation/create', {}, false],
    ['elicitation/create', 12_345, false],
    ['elicitation/create', null, false],
    ['sampling/createMessage', { model: 'm', role: 'assistant', content: block }, true],
    ['sampling/createMessage', { model: 'm', role: 'assistant', content: [block] }, true],
    ['sampling/createMessage', { model: 'm', role: 'assistant' }, false],
    ['sampling/createMessage', { role: 'assistant', content: block }, false],
    ['sampling/createMessage', { model: 'm', content: block }, false],
    ['roots/list', { roots: [] }, true],
    ['roots/list', { roots: [{ uri: 'file:///a' }] }, true],
    ['roots/list', { roots: [{}] }, false],
    ['roots/list', { roots: {} }, false],
  ])('to %s can be %j: %s', (method, value, expected) => {
    expect(isAnswer(method, value as never)).toBe(expected);
  });

  it('has one block for a server that is older than lists of content', () => {
    const image = { type: 'image', data: '', mimeType: 'image/png' };
    const shown = (content: object[], revision: '2025-06-18' | '2025-11-25'): unknown =>
      sessionAnswer('sampling/createMessage', { model: 'm', resultType: 'x', content } as never, revision);
    expect(shown([image, block], '2025-11-25')).toEqual({ model: 'm', content: [image, block] });
    expect(shown([image], '2025-06-18')).toEqual({ model: 'm', content: image });
    expect(shown([block, image, block], '2025-06-18')).toEqual({ model: 'm', content: { type: 'text', text: 't\nt' } });
    expect(shown([image, image], '2025-06-18')).toEqual({ model: 'm', content: image });
    expect(shown([], '2025-06-18')).toEqual({ model: 'm', content: { type: 'text', text: '' } });
  });
});

describe('a question for a session-era client', () => {
  it('has no mode before there were modes', () => {
    const form = { mode: 'form', message: 'm' };
    expect(sessionQuestion('elicitation/create', form, '2025-11-25', none)).toEqual(form);
    expect(sessionQuestion('elicitation/create', form, '2025-06-18', none)).toEqual({ message: 'm' });
  });

  it('has an id where a URL is to be opened', () => {
    const url = { mode: 'url', url: 'https://a', message: 'm' };
    expect(sessionQuestion('elicitation/create', url, '2025-11-25', none)).toEqual({ ...url, elicitationId: 'random' });
    const own = { ...url, elicitationId: 'own' };
    expect(sessionQuestion('elicitation/create', own, '2025-11-25', none)).toEqual(own);
  });

  it('has one block a message before there were lists of content', () => {
    const messages = [
      { role: 'user', content: ['a', 'b'] },
      { role: 'assistant', content: 'c' },
    ];
    expect(sessionQuestion('sampling/createMessage', { messages }, '2025-11-25', none)).toEqual({ messages });
    expect(sessionQuestion('sampling/createMessage', { messages }, '2025-06-18', none)).toEqual({
      messages: [
        { role: 'user', content: 'a' },
        { role: 'user', content: 'b' },
        { role: 'assistant', content: 'c' },
      ],
    });
    expect(sessionQuestion('roots/list', undefined, '2025-06-18', none)).toBeUndefined();
  });
});

describe('URLs that a server wants opened first', () => {
  const url = { url: 'https://a', message: 'm' };
  it.each([
    [[url], [{ ...url, mode: 'url' }]],
    [[], undefined],
    [[url, { url: 1, message: 'm' }], undefined],
    [[{ url: 'https://a' }], undefined],
    [Array.from({ length: 65 }, () => url), undefined],
    ['no', undefined],
  ])('are %j', (elicitations, expected) => {
    expect(requiredUrls({ code: -32042, message: '', data: { elicitations } })).toEqual(expected);
    expect(requiredUrls({ code: -32000, message: '', data: { elicitations } })).toBeUndefined();
  });
});
