"""The id of the container, by what container runtimes are known to show a process of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyspan.sdk._in_force import in_force
from pyspan.sdk._settings import Settings
from pyspan.sdk.resources import ContainerResourceDetector, Resource, _container_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyspan.sdk.trace import TracerProvider

OWN, OTHER, LAYER = (digits * 16 for digits in ("ab12", "cd34", "ef56"))
POD = "4415fd05-2c0f-4533-909b-f2180dca8d7c"
HIDDEN = "0::/\n"

DOCKER_V1 = f"""\
12:pids:/docker/{OWN}
11:cpu,cpuacct:/docker/{OWN}
1:name=systemd:/docker/{OWN}
0::/system.slice/containerd.service
"""
HOST_V1 = """\
12:pids:/user.slice/user-1000.slice/session-3.scope
1:name=systemd:/user.slice/user-1000.slice/session-3.scope
0::/user.slice/user-1000.slice/session-3.scope
"""
NESTED = f"2:pids:/docker/{OTHER}/docker/{OWN}\n"
WITH_SYSTEMD = f"0::/../docker-{OWN}.scope/init.scope\n"
KUBERNETES_V1 = f"11:pids:/kubepods/burstable/pod{POD}/{OWN}\n"
KUBERNETES_SYSTEMD = (
    f"1:name=systemd:/kubepods.slice/kubepods-pod{POD.replace('-', '_')}.slice/cri-containerd-{OWN}.scope\n"
)
KUBERNETES_SLICES = f"3:cpu:/system.slice/containerd.service/kubepods-pod{POD}.slice:cri-containerd:{OWN}\n"
CRIO_V1 = f"9:memory:/kubepods.slice/kubepods-besteffort.slice/crio-{OWN}\n"
PODMAN_V1 = f"10:pids:/machine.slice/libpod-{OWN}.scope\n"
PODMAN_POD = f"0::/machine.slice/machine-libpod_pod_{OTHER}.slice/libpod-{OWN}.scope/container\n"

ROOT = f"""\
659 450 0:183 / / rw,relatime master:88 - overlay overlay rw,upperdir=/var/lib/docker/overlay2/{LAYER}/diff
660 659 0:185 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
664 663 0:31 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw
"""
DOCKER_V2 = f"""\
{ROOT}670 659 254:1 /var/lib/docker/volumes/{OTHER}/_data /data rw,relatime - ext4 /dev/vda1 rw
671 659 254:1 /var/lib/docker/containers/{OTHER}/{OTHER}-json.log /watched ro - ext4 /dev/vda1 rw
672 659 254:1 /var/lib/docker/containers/{OWN}/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/vda1 rw
673 659 254:1 /var/lib/docker/containers/{OWN}/hostname /etc/hostname rw,relatime - ext4 /dev/vda1 rw
674 659 254:1 /var/lib/docker/containers/{OWN}/hosts /etc/hosts rw,relatime - ext4 /dev/vda1 rw
"""
OWN_HOSTNAME = f"""\
{ROOT}671 659 254:1 /docker/containers/{OTHER}/{OTHER}-json.log /watched ro - ext4 /dev/vda1 rw
672 659 254:1 /docker/containers/{OWN}/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/vda1 rw
673 659 254:1 /home/me/hostname /etc/hostname rw,relatime - ext4 /dev/vda1 rw
"""
PODMAN_V2 = f"""\
{ROOT}495 499 0:54 /containers/overlay-containers/{OWN}/userdata/.containerenv /run/.containerenv rw - tmpfs tmpfs rw
496 499 0:54 /containers/overlay-containers/{OWN}/userdata/hostname /etc/hostname rw,nosuid - tmpfs tmpfs rw
"""
NERDCTL = f"{ROOT}496 499 0:54 /var/lib/nerdctl/1935db59/containers/default/{OWN}/hostname /etc/hostname rw - xfs x\n"
KUBELET = f"""\
{ROOT}772 757 259:16 /var/lib/kubelet/pods/{POD}/etc-hosts /etc/hosts rw,noatime - ext4 /dev/nvme1n1p1 rw
773 760 259:16 /var/lib/kubelet/pods/{POD}/containers/shop/7aa42719 /dev/termination-log rw - ext4 /dev/nvme1n1p1 rw
"""
CRI = "/var/lib/containerd/io.containerd.grpc.v1.cri"
CONTAINERD_V2 = f"{KUBELET}774 757 259:16 {CRI}/sandboxes/{OTHER}/hostname /etc/hostname rw - ext4 /dev/nvme1n1p1 rw\n"
CONTAINERD_VOLUME = f"{CONTAINERD_V2}775 757 259:16 {CRI}/containers/{OWN}/volumes/{LAYER} /data rw - ext4 /dev/x rw\n"
DOCKER_POD = f"{KUBELET}774 757 259:16 /var/lib/docker/containers/{OTHER}/hostname /etc/hostname rw - xfs /dev/x rw\n"
STORAGE = "/containers/storage/overlay-containers"
CRIO_V2 = f"""\
{KUBELET}312 303 0:25 {STORAGE}/{OTHER}/userdata/hostname /etc/hostname rw master:15 - tmpfs tmpfs rw
316 303 0:25 {STORAGE}/{OWN}/userdata/run/secrets /run/secrets rw,nosuid - tmpfs tmpfs rw
"""
HOST_OF_CONTAINERS = f"""\
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
98 27 0:50 / /var/lib/docker/containers/{OTHER}/mounts/shm rw,nosuid shared:9 - tmpfs shm rw,size=65536k
99 27 0:51 / /run/containerd/io.containerd.grpc.v1.cri/sandboxes/{OTHER}/shm rw shared:9 - tmpfs shm rw
"""
GARBAGE = f"\n:\n::\n1:x\n1:x:{OWN}f\n1:x:/{OWN[1:]}\n1:x:/{OWN.upper()}\n1:x:/{OWN}.slice\n{OWN}\n/containers/{OWN}/\n"


class Shown(NamedTuple):
    """The two files that Linux shows a process of itself."""

    groups: Path
    mounts: Path


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shown:
    files = Shown(tmp_path / "cgroup", tmp_path / "mountinfo")
    monkeypatch.setattr(_container_id, "_CGROUP_PATH", str(files.groups))
    monkeypatch.setattr(_container_id, "_MOUNTS_PATH", str(files.mounts))
    return files


def found() -> dict[str, object]:
    return dict(ContainerResourceDetector(raise_on_error=True).detect().attributes)


@pytest.mark.parametrize(
    "groups",
    [
        pytest.param(DOCKER_V1, id="docker"),
        pytest.param(NESTED, id="docker in docker"),
        pytest.param(WITH_SYSTEMD, id="docker with systemd inside"),
        pytest.param(KUBERNETES_V1, id="kubernetes"),
        pytest.param(KUBERNETES_SYSTEMD, id="kubernetes by systemd"),
        pytest.param(KUBERNETES_SLICES, id="kubernetes by containerd's service"),
        pytest.param(CRIO_V1, id="cri-o"),
        pytest.param(PODMAN_V1, id="podman"),
        pytest.param(PODMAN_POD, id="a pod of podman"),
    ],
)
def test_the_container_s_id_is_the_last_one_in_the_path_of_its_group(groups: str, shown: Shown) -> None:
    shown.groups.write_text(groups)
    shown.mounts.write_text(ROOT)
    assert found() == {"container.id": OWN}


@pytest.mark.parametrize(
    "mounts",
    [
        pytest.param(DOCKER_V2, id="docker"),
        pytest.param(OWN_HOSTNAME, id="docker with a hostname file of one's own"),
        pytest.param(PODMAN_V2, id="podman"),
        pytest.param(NERDCTL, id="nerdctl"),
        pytest.param(CONTAINERD_VOLUME, id="containerd in kubernetes with a volume of the image"),
        pytest.param(CRIO_V2, id="cri-o in kubernetes"),
    ],
)
def test_where_the_group_is_hidden_the_id_is_that_of_the_folder_of_its_files(mounts: str, shown: Shown) -> None:
    shown.groups.write_text(HIDDEN)
    shown.mounts.write_text(mounts)
    assert found() == {"container.id": OWN}


@pytest.mark.parametrize(
    "mounts", [pytest.param(CONTAINERD_V2, id="containerd"), pytest.param(DOCKER_POD, id="docker")]
)
def test_the_sandbox_of_a_pod_is_not_taken_for_the_container(mounts: str, shown: Shown) -> None:
    shown.groups.write_text(HIDDEN)
    shown.mounts.write_text(mounts)
    assert found() == {}


@pytest.mark.parametrize(
    ("groups", "mounts"),
    [
        pytest.param(HOST_V1, HOST_OF_CONTAINERS, id="the host of containers"),
        pytest.param(HIDDEN, ROOT, id="nothing but layers"),
        pytest.param("", "", id="empty"),
        pytest.param(GARBAGE, GARBAGE, id="garbage"),
    ],
)
def test_outside_a_container_there_is_no_id(groups: str, mounts: str, shown: Shown) -> None:
    shown.groups.write_text(groups)
    shown.mounts.write_text(mounts)
    assert found() == {}


def test_files_that_cannot_be_read_give_no_id_and_no_error(shown: Shown) -> None:
    assert found() == {}
    shown.groups.mkdir()
    shown.mounts.mkdir()
    assert found() == {}


def test_bytes_that_are_no_text_do_not_hide_the_id_beside_them(shown: Shown) -> None:
    shown.groups.write_bytes(b"\xff\xfe:\x80:\x00/\xc3\n")
    shown.mounts.write_bytes(b"1 2 0:1 /\xff\xfe /\x80 rw - x x rw\n" + DOCKER_V2.encode())
    assert found() == {"container.id": OWN}


PIECES = st.sampled_from(
    [OWN, "/", ":", "-", " ", "\n", "containers/", "/pods/x/etc-hosts", "docker-", ".scope", "\x00"]
)


@given(st.lists(st.one_of(PIECES, st.text(max_size=4)), max_size=40).map("".join))
def test_whatever_the_files_hold_an_id_or_nothing_is_read(text: str) -> None:
    for read in (_container_id._of_groups, _container_id._of_mounts):
        assert read(text) in (None, OWN)


def test_the_variable_switches_the_container_s_detector_on_by_its_name(
    shown: Shown, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shown.groups.write_text(DOCKER_V1)
    assert "container.id" not in Resource.create().attributes
    monkeypatch.setenv("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "container")
    assert Resource.create().attributes["container.id"] == OWN
    settings = {setting.name: setting for setting in in_force(Settings())}
    assert settings["OTEL_EXPERIMENTAL_RESOURCE_DETECTORS"].value == "service_instance,container,otel"
    assert not caplog.messages


@pytest.mark.usefixtures("unconfigured")
def test_the_configuration_file_switches_the_container_s_detector_on(
    shown: Shown, configure: Callable[..., TracerProvider], caplog: pytest.LogCaptureFixture
) -> None:
    shown.groups.write_text(HIDDEN)
    shown.mounts.write_text(PODMAN_V2)
    provider = configure("""
file_format: "1.1"
resource: {detection/development: {detectors: [{container: }]}}
tracer_provider: {processors: [{simple: {exporter: {console: }}}]}
""")
    assert provider.resource.attributes["container.id"] == OWN
    assert not caplog.messages
