# `gagavatar serve`, the page, or a batch. With the embedded avatar nothing is downloaded at run time.
#
#   docker build --tag gagavatar .                                        CPU, embedded avatar, the service
#   docker build --tag gagavatar:page --build-arg EXTRAS=app .            and the page
#   docker build --tag gagavatar:cuda --build-arg EXTRAS=serve,cuda --build-arg CONSTRAINTS=/dev/null .
#   docker run --publish 8000:8000 --volume gagavatar:/data --env GAGAVATAR_API_KEYS=me:... gagavatar
ARG PYTHON=3.12

FROM python:${PYTHON}-slim-bookworm AS build
ARG EXTRAS=serve
# The file in the source takes PyTorch, where it is asked for, in its small CPU build; /dev/null the one with CUDA.
ARG CONSTRAINTS=constraints.txt
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /source
RUN python -m venv /opt/gagavatar && /opt/gagavatar/bin/pip install "setuptools>=77,<90" "ziglang>=0.13,<0.18"
COPY . .
# The rasterizer is compiled here, for all processors of the architecture; its compiler stays behind.
RUN /opt/gagavatar/bin/pip install --no-build-isolation --constraint "${CONSTRAINTS}" ".[${EXTRAS}]" \
    && /opt/gagavatar/bin/pip uninstall --yes ziglang setuptools pip

FROM python:${PYTHON}-slim-bookworm
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin gagavatar \
    && install --directory --owner=gagavatar /data
COPY --from=build /opt/gagavatar /opt/gagavatar
ENV PATH=/opt/gagavatar/bin:$PATH \
    PYTHONUNBUFFERED=1
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["gagavatar"]
CMD ["serve", "--host", "0.0.0.0", "--data", "/data"]
