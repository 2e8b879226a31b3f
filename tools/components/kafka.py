"""Apache Kafka in KRaft mode, one node, from Maven: `python -m tools.components.kafka get|start|stop|kill9`."""

from __future__ import annotations

import sys
from pathlib import Path

from tools.components._cache import cache, from_maven, locked, run
from tools.components._command import command
from tools.components._process import Process
from tools.components.ports import free_port, port_open

__all__ = ["Kafka", "get"]

VERSION = "4.1.0"
CLUSTER_ID = "cHlzcGFuLXNob3Ata2Fma2E"  # 16 bytes in base64url, any will do
JAVA = ["java", "-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-Djava.awt.headless=true"]
LOGGING = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true"]

POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>pyspan.components</groupId><artifactId>kafka-broker</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
"""

PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
num.partitions=3
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=3
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=2
log.cleaner.dedupe.buffer.size=8388608
auto.create.topics.enable=true
"""

SASL = """listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\
  user_{name}="{password}";
"""


def get() -> Path:
    """Install the broker's jars unless they are there, and return their folder."""
    home = cache() / f"kafka-{VERSION}"
    with locked("kafka"):
        home.mkdir(parents=True, exist_ok=True)
        (home / "pom.xml").write_text(POM)
        options = ["-DincludeScope=runtime", f"-DoutputDirectory={home / 'libs'}"]
        from_maven("Kafka", home, "copy-dependencies", *options)
    return home / "libs"


class Kafka:
    """One broker whose data lie in `directory` and survive a restart of the same object.

    With a `user` of name and password, `sasl_bootstrap` is a second listener: SASL_PLAINTEXT by the mechanism PLAIN.
    """

    def __init__(
        self, directory: Path, *, port: int | None = None, detached: bool = False, user: tuple[str, str] | None = None
    ) -> None:
        self.port = port or free_port()
        self.sasl_bootstrap = f"127.0.0.1:{free_port()}"
        self._user = user
        self.bootstrap = f"127.0.0.1:{self.port}"
        self._controller = free_port()
        self._directory = directory.resolve()
        self._process = Process("kafka", directory, detached=detached)

    @property
    def log(self) -> Path:
        """Where the broker's output goes."""
        return self._process.log

    def start(self) -> str:
        """Format the data folder the first time, start, and return the bootstrap address."""
        libs = get()
        java = [*JAVA, *LOGGING, "-cp", f"{libs}/*"]
        properties = self._configure(java)
        self._process.start([*java, "kafka.Kafka", str(properties)])
        self._process.wait_ready(lambda: port_open(self.port), 90.0)
        return self.bootstrap

    def stop(self) -> None:
        """Stop in order."""
        self._process.stop()

    def kill9(self) -> None:
        """End it as a crash would."""
        self._process.kill9()

    def _configure(self, java: list[str]) -> Path:
        data = self._directory / "data"
        properties = self._directory / "server.properties"
        self._directory.mkdir(parents=True, exist_ok=True)
        text = PROPERTIES.format(port=self.port, controller=self._controller, data=data)
        properties.write_text(text if self._user is None else self._with_sasl(text, *self._user))
        if not (data / "meta.properties").exists():
            tool = [*java, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties)]
            run(tool, self._directory)
        return properties

    def _with_sasl(self, properties: str, name: str, password: str) -> str:
        listener = f",SASL://{self.sasl_bootstrap}"
        lines = [
            line + listener if line.startswith(("listeners=", "advertised.listeners=")) else line
            for line in properties.splitlines()
        ]
        return "\n".join([*lines, SASL.format(name=name, password=password)])


if __name__ == "__main__":
    sys.exit(command("kafka", get, lambda directory: Kafka(directory, port=19092, detached=True)))
