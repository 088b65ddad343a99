#!/bin/sh
# Install this folder and all that it needs on Debian 12, as root.
set -eu
cd "$(dirname "$0")/.."
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends ca-certificates git make python3.11 python3.11-venv > /dev/null
make setup
rm -rf /var/lib/apt/lists/* /root/.cache
