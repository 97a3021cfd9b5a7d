/** The part of `oidc-provider` that identity-provider.ts uses; the package has no types. */
declare module 'oidc-provider' {
  import type { RequestListener } from 'node:http';

  interface Saved {
    save(): Promise<string>;
  }
  interface Grant extends Saved {
    addResourceScope(resource: string, scope: string): void;
  }
  export class Provider {
    constructor(issuer: string, configuration: object);
    callback(): RequestListener;
    readonly Client: { find(id: string): Promise<object> };
    readonly Grant: new (properties: object) => Grant;
    readonly AccessToken: new (properties: object) => Saved & { destroy(): Promise<void> };
    readonly ResourceServer: new (identifier: string, data: object) => object;
  }
}
