FROM python:3.13-slim
# LightGBM needs OpenMP
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 10001 chillcast && install -d -o chillcast /data
WORKDIR /app
COPY requirements/worker.txt requirements/worker.txt
RUN pip install --no-cache-dir --require-hashes -r requirements/worker.txt
COPY pyproject.toml README.md LICENSE ./
COPY chillcast chillcast
COPY simulators simulators
COPY streams streams
COPY models models
COPY fleets fleets
RUN pip install --no-cache-dir --no-deps --no-build-isolation .
USER chillcast
VOLUME /data
ENTRYPOINT ["chillcast"]
CMD ["up"]
