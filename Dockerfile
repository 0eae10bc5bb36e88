# syntax=docker/dockerfile:1
# One image each: docker build --build-arg SERVICE=customers . (gateway, customers, …; ops is the command line)

ARG PYTHON=python:3.13-slim-bookworm
ARG UV=ghcr.io/astral-sh/uv:0.13

FROM ${UV} AS uv

FROM ${PYTHON} AS build
COPY --from=uv /uv /usr/local/bin/uv
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_CACHE_DIR=/cache
WORKDIR /app
ARG SERVICE
# What the image needs from outside changes seldom: it has a layer of its own.
RUN --mount=type=cache,target=/cache \
    --mount=type=bind,source=pyproject.toml,target=pyproject.toml \
    --mount=type=bind,source=uv.lock,target=uv.lock \
    case ${SERVICE:?docker build --build-arg SERVICE=…} in gateway|ops) extra=$SERVICE ;; *) extra=service ;; esac; \
    uv sync --locked --no-dev --no-install-project --extra "$extra"
# What it needs from here: the runtime and one service, or for the command line everything.
RUN --mount=type=bind,target=/source \
    mkdir services && cp -r /source/shared . && cp /source/services/__init__.py services/ \
    && if [ "$SERVICE" = ops ]; then cp -r /source/ops . && cp -r /source/services .; \
       else cp -r "/source/services/$SERVICE" services/; fi \
    && .venv/bin/python -m compileall -q .

FROM ${PYTHON}
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin app
WORKDIR /app
COPY --from=build /app /app
ARG SERVICE
ENV SERVICE=${SERVICE} PATH=/app/.venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HEALTH_FILE=/run/app/health.json
USER 10001
