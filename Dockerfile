# The five programs in a container; the steps are the script docker/install.sh, which works on any Debian 12.
#
#   docker build -t dermoscopy .
#   docker run --rm -v "$PWD/work:/work" dermoscopy train.py +experiment=zeroing -m      (with a GPU: --gpus all)
FROM debian:bookworm-slim
COPY . /opt/dermoscopy
RUN /opt/dermoscopy/docker/install.sh
WORKDIR /work
ENTRYPOINT ["/opt/dermoscopy/docker/run.sh"]
