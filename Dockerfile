# What installs stays in the first stage. Pin the base where images are built, by digest (docs/security.md):
# docker build --build-arg BASE=python:3.13-slim@sha256:… .
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
WORKDIR /app
RUN python3 -m venv /opt/chillcast
COPY requirements/worker.txt requirements/worker.txt
RUN /opt/chillcast/bin/python -m pip install --no-cache-dir --require-hashes -r requirements/worker.txt
COPY pyproject.toml README.md LICENSE ./
COPY chillcast chillcast
COPY simulators simulators
COPY streams streams
COPY models models
COPY fleets fleets
RUN /opt/chillcast/bin/python -m pip install --no-cache-dir --no-deps --no-build-isolation . \
    && /opt/chillcast/bin/python -m pip uninstall --yes hatchling editables pip setuptools

FROM ${BASE}
# LightGBM needs OpenMP, of the version that the base's own distribution has
# hadolint ignore=DL3008
RUN case "$(ldconfig -p)" in *libgomp*) ;; *) apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/* ;; esac
RUN useradd --create-home --uid 10001 chillcast && install -d -o chillcast /data
COPY --from=build /opt/chillcast /opt/chillcast
ENV PATH=/opt/chillcast/bin:$PATH
WORKDIR /home/chillcast
USER 10001
ENTRYPOINT ["chillcast"]
CMD ["up"]
