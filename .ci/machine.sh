# What ./test and ./demo need of a machine, and how they get it: Debian's packages, with sudo only after a question. Sourced, not run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# What cargo builds librdkafka with.
link_packages=(g++ make pkg-config libssl-dev zlib1g-dev)
# With what fetches Kafka's jars, and procps for `kill`, which the smallest Debian lacks.
build_packages=("${link_packages[@]}" curl git procps)
oldest_java=17

fail() {
    echo "$*" >&2
    exit 1
}

need_rust() {
    cargo --version >/dev/null 2>&1 || fail "cargo is missing: install Rust first (rustup or your distribution)"
}

has_java() {
    local version
    version=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p') && ((${version:-0} >= oldest_java))
}

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# as_root WHY COMMAND…: asks first, unless we are root already.
as_root() {
    local why=$1 answer
    shift
    if ((EUID == 0)); then
        "$@"
        return
    fi
    echo "sudo is needed $why: sudo $*"
    read -r -p "Go on? [y/N] " answer || true
    [[ ${answer:-} == [yY]* ]] || fail "not done; run that yourself, then start again"
    sudo "$@"
}

# Kafka 4 needs Java 17. Debian 12 and Ubuntu 22.04 have it by that name (their default may be older), later ones a newer default.
java_package() {
    local package
    for package in openjdk-17-jre-headless default-jre-headless; do
        apt-cache policy "$package" 2>/dev/null | grep -q 'Candidate: [0-9]' && echo "$package" && return
    done
    echo openjdk-17-jre-headless
}

know_packages() {
    command -v apt-get >/dev/null || return 0
    [ -n "${packages_known:-}" ] || as_root "to know Debian's present packages" apt-get update -q
    packages_known=1
}

# install_packages PACKAGE…: installs those that are missing, without what they merely recommend.
install_packages() {
    local missing=() package
    command -v apt-get >/dev/null || {
        echo "not Debian or Ubuntu: these have to be there already, by whatever name: $*"
        return
    }
    for package in "$@"; do
        is_installed "$package" || missing+=("$package")
    done
    ((${#missing[@]} == 0)) && return
    know_packages
    as_root "to install ${missing[*]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
}

# For building, and for Kafka from jars. A newer Java or a Maven of one's own is as good as Debian's.
install_for_kafka() {
    local packages=("${build_packages[@]}")
    if ! has_java; then
        know_packages
        packages+=("$(java_package)")
    fi
    command -v mvn >/dev/null || packages+=(maven)
    install_packages "${packages[@]}"
}

# For building with the feature `gssapi`, and for a KDC to try it with: what its programs load is installed, they themselves not.
install_for_kerberos() {
    install_packages libkrb5-dev libclang-dev libverto-libev1 libss2
    command -v apt-get >/dev/null || return 0
    unpack_debian krb5-kdc krb5kdc
    unpack_debian krb5-admin-server kadmin.local
}

# unpack_debian PACKAGE PROGRAM: below target/debian, not installed, since installing would start a service.
unpack_debian() {
    local folder=$root/target/debian/$1
    command -v "$2" >/dev/null || [ -x "$folder/usr/bin/$2" ] || [ -x "$folder/usr/sbin/$2" ] && return
    rm -rf "$folder.part"
    mkdir -p "$folder.part"
    (
        cd "$folder.part"
        apt-get download -q "$1" 2>/dev/null || {
            know_packages
            apt-get download -q "$1"
        }
        dpkg -x ./*.deb .
        rm ./*.deb
    )
    mv "$folder.part" "$folder"
}
