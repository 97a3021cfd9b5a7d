/** Pages for people: sessions of browsers, signing in, login links. A subpath, since it loads an OAuth library. */

export { createBrowser, type Browser, type BrowserOptions } from './browser/create.ts';
export { html, markup, type Html, type HtmlPart } from './browser/html.ts';
export { createLoginLinks, type LoginLink, type LoginLinks } from './browser/login-links.ts';
export type { OnceOptions } from './browser/once.ts';
export { createOneTimeCodes, type CodePurpose, type OneTimeCode, type OneTimeCodes } from './browser/one-time-codes.ts';
export { createProvider, ProviderError, type Provider, type ProviderOptions } from './browser/provider.ts';
export {
  createBrowserSessions,
  type BrowserSessions,
  type BrowserSessionsOptions,
  type SessionLifetimes,
} from './browser/sessions.ts';
export type {
  BrowserEvent,
  BrowserIdentity,
  BrowserSession,
  ConfirmedLink,
  Handler,
  LinkPurpose,
  LinkQuestion,
  PageContent,
  PostedForm,
  RefusalReason,
} from './browser/types.ts';
