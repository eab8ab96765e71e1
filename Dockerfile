# An image of Signoff: docker build --tag signoff .
# docs/deploying.md says how to run it. The version of Python is the one that the tests run with.
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY constraints.txt ./
RUN python -m venv /build \
    && /build/bin/pip install --constraint constraints.txt build hatchling \
    && python -m venv --without-pip /opt/signoff
COPY pyproject.toml README.md LICENSE ./
COPY bot bot
COPY engine engine
COPY templates templates
# Only the packages that the wheel names, at the versions of constraints.txt; the image has no pip and no compiler.
RUN /build/bin/python -m build --wheel --no-isolation --outdir /wheels . \
    && wheel="$(echo /wheels/signoff-*.whl)" \
    && /build/bin/pip --python /opt/signoff/bin/python install --constraint constraints.txt "${wheel}[ai,lmtp,postgres,s3,tracing]"

FROM python:${PYTHON}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Signoff" \
      org.opencontainers.image.description="Approvals in Slack and by email, for workflows with risky steps" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# A number, so that a file's owner and Kubernetes' runAsNonRoot mean the same user everywhere.
RUN groupadd --gid 10001 signoff \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin signoff \
    && install --directory --owner=10001 --group=10001 --mode=700 /data
COPY --from=build /opt/signoff /opt/signoff
# The database file, its key and its lock. Nothing else is written, so the rest may be read-only.
ENV PATH=/opt/signoff/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SIGNOFF_DATABASE_URL=sqlite:////data/signoff.db \
    SIGNOFF_HOST=0.0.0.0 \
    SIGNOFF_PROBE_PORT=9090 \
    SIGNOFF_LOG_FORMAT=json
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000 9090
# Each process is PID 1 of its container and gets SIGTERM itself: it finishes or hands over its work.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=3 CMD ["signoff", "health"]
ENTRYPOINT ["signoff"]
CMD ["serve"]
