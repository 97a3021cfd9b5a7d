# The gateway as an image: built from the lock file, production dependencies alone, an unprivileged user, a root that may be
# read-only. It holds Node and the gateway and no MCP server: a server with a `command` is added in an image made from this one.
#
# Pin the base by digest for a build that can be repeated:
#   docker build --build-arg NODE_IMAGE=docker.io/library/node:24-bookworm-slim@sha256:… --tag sallyport:0.1.0 .
ARG NODE_IMAGE=docker.io/library/node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json tsconfig.base.json ./
COPY bench/package.json bench/
COPY packages packages
# The second installation leaves out what only the build needed. No package may run a script.
RUN npm ci --ignore-scripts --no-audit --no-fund \
 && node_modules/.bin/tsc -b packages/gateway \
 && rm -rf node_modules packages/*/node_modules packages/*/src packages/*/tsconfig.json packages/*/dist/.tsbuildinfo \
 && npm ci --omit=dev --workspace sallyport --ignore-scripts --no-audit --no-fund \
 && rm -rf bench package-lock.json tsconfig.base.json \
 && mkdir -p /state/sallyport \
 && chmod 0700 /state/sallyport

FROM ${NODE_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Sallyport" \
      org.opencontainers.image.description="One guarded door between AI clients and all the MCP servers they use." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Root owns the program, so the gateway and its children cannot change it. HOME is where children may write: a tmpfs.
COPY --from=build --chown=0:0 /app /app
COPY --from=build --chown=65532:65532 /state/ /var/lib/
ENV NODE_ENV=production \
    PATH=/app/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/tmp \
    SALLYPORT_HOME=/var/lib/sallyport \
    SALLYPORT_CONFIG=/etc/sallyport/sallyport.yaml
WORKDIR /app
VOLUME ["/var/lib/sallyport"]
USER 65532:65532
EXPOSE 7420
# Needs no shell and no curl. The port is that of the configuration; one that has another brings its own health check.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:7420/readyz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/packages/gateway/bin/sallyport.js"]
CMD ["serve"]
