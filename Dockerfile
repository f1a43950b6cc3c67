# The command lines `featurectl` and `producers` with this project: sql/, migrations/, featurectl.toml.
# Settings come from the environment; a settings.env of this machine stays out (.dockerignore).
ARG PYTHON=3.13.7-slim-bookworm

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/featurectl
# What changes seldom first, so that its layer is kept.
COPY requirements/image.lock /build/requirements/
RUN /opt/featurectl/bin/pip install --require-hashes --only-binary :all: -r /build/requirements/image.lock
COPY pyproject.toml README.md LICENSE /build/
COPY featurectl /build/featurectl
COPY producers /build/producers
RUN /opt/featurectl/bin/pip install --no-deps --no-build-isolation /build \
 && /opt/featurectl/bin/pip uninstall --yes setuptools pip

FROM python:${PYTHON}
ENV PATH=/opt/featurectl/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 FEATURECTL_HOME=/tmp/featurectl
COPY --from=build /opt/featurectl /opt/featurectl
WORKDIR /project
COPY featurectl.toml ./
COPY migrations ./migrations
COPY sql ./sql
# By number, so that Kubernetes sees that it is not root. It owns nothing and needs to write only below /tmp.
USER 10001:10001
CMD ["featurectl", "--help"]
