# The example shop (the last stage, so the default), and `test`: everything that `npm test` needs.
FROM node:24-slim AS installed
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Without scripts: there is nothing here yet that could be built.
RUN npm ci --ignore-scripts

FROM installed AS test
RUN apt-get update \
 && apt-get install -y --no-install-recommends git redis-server chromium \
 && rm -rf /var/lib/apt/lists/*
COPY . .
ENV CI=true
ENTRYPOINT ["npm", "test", "--"]

FROM installed AS shop
COPY --chown=node:node . .
RUN chown node:node /app
USER node
RUN npm run build
ENV NODE_ENV=production
EXPOSE 8000
# `npm run example -- --workers 4`, without npm, which would keep the signal to stop for itself.
CMD ["node", "example-app/server.js", "--workers", "4"]
