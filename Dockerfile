# Keystead without a cloud's SDK. Give a base pinned by digest:
#   docker build --build-arg NODE_IMAGE=docker.io/library/node:24-slim@sha256:… -t keystead .
ARG NODE_IMAGE=docker.io/library/node:24-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json tsconfig.json tsconfig.build.json ./
# With the cloud SDKs: the doors are type-checked against them. They do not get into the image.
RUN npm ci --no-audit --no-fund
COPY .ci .ci
COPY src src
RUN npm run build

FROM ${NODE_IMAGE}
WORKDIR /app
# The binary is a bundle: it needs no node_modules.
COPY --from=build /build/package.json ./
COPY --from=build /build/dist/cli dist/cli
COPY LICENSE ./
USER 65532:65532
EXPOSE 8080 9000
HEALTHCHECK --interval=10s --timeout=3s CMD ["node", "dist/cli/main.js", "status"]
# Node is process 1 and handles SIGTERM itself: calls in flight are answered, then it ends.
ENTRYPOINT ["node", "dist/cli/main.js"]
CMD ["serve"]
