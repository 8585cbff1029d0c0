# The service for photos, without TensorFlow; docs/service.md says how to build and run it, and
# scripts/check_dockerfile.py tries these lines where there is no container engine.
FROM python:3.12-slim AS build
WORKDIR /source
COPY . .
RUN python -m venv /app
RUN /app/bin/python -m pip install --no-cache-dir --no-deps -r requirements/inference.txt .

FROM python:3.12-slim
COPY --from=build /app /app
ENV PATH=/app/bin:/usr/local/bin:/usr/bin:/bin HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# A number, so that Kubernetes sees that it is not root.
USER 65532:65532
EXPOSE 8000
# Not urlopen, which would ask a proxy that Docker was configured with.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["python", "-c", "from http.client import HTTPConnection; c = HTTPConnection('127.0.0.1', 8000, timeout=4); c.request('GET', '/healthz'); exit(c.getresponse().status != 200)"]
# Without a shell around it, so that SIGTERM arrives.
ENTRYPOINT ["fer-tf", "serve", "--host", "0.0.0.0"]
