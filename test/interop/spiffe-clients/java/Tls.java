import io.spiffe.provider.SpiffeSslContextFactory;
import io.spiffe.provider.SpiffeSslContextFactory.SslContextOptions;
import io.spiffe.spiffeid.SpiffeId;
import io.spiffe.workloadapi.DefaultX509Source;
import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;

/** Mutual TLS in both roles. */
final class Tls {
  private static final int PATIENCE_MS = 10_000;

  /** `default@` in front of who is authorized leaves the protocol to the library, which takes TLS 1.2. */
  private static SSLContext context(DefaultX509Source source, String who, boolean libraryDefault) throws Exception {
    var options = SslContextOptions.builder().x509Source(source);
    if (!libraryDefault) options.sslProtocol("TLSv1.3");
    if (who.equals("any")) options.acceptAnySpiffeId();
    else options.acceptedSpiffeIdsSupplier(() -> Set.of(SpiffeId.parse(who)));
    return SpiffeSslContextFactory.getSslContext(options.build());
  }

  /** Answers every peer that it authorizes with a line, until standard input is closed. */
  static void serve(String who) throws Exception {
    Events.attempt("serve", () -> {
      SSLContext context = context(DefaultX509Source.newSource(), who, false);
      InetAddress loopback = InetAddress.getLoopbackAddress();
      SSLServerSocket listener = (SSLServerSocket) context.getServerSocketFactory().createServerSocket(0, 100, loopback);
      listener.setNeedClientAuth(true);
      Events.emit("listening", Map.of("port", listener.getLocalPort()));
      start(() -> {
        while (true) {
          SSLSocket connection = (SSLSocket) listener.accept();
          start(() -> answer(connection));
        }
      });
      Events.eachLine(words -> { });
      return null;
    });
  }

  private static void answer(SSLSocket connection) throws IOException {
    try (connection) {
      connection.setSoTimeout(PATIENCE_MS);
      String text = readLine(connection);
      Events.emit("accepted", Map.of("peer", idOf(leafOf(connection)), "text", text));
      connection.getOutputStream().write("hello from java\n".getBytes());
    } catch (Exception error) {
      Events.emit("refused", Map.of("message", String.valueOf(error)));
    }
  }

  /** Connects to each target once, or again and again until standard input is closed. */
  static void dial(List<String> arguments) throws Exception {
    Events.attempt("dial", () -> {
      DefaultX509Source source = DefaultX509Source.newSource();
      if (!arguments.get(0).equals("--every")) {
        dialAll(source, arguments);
        Events.emit("done", Map.of());
        return null;
      }
      start(() -> {
        while (true) {
          dialAll(source, arguments.subList(2, arguments.size()));
          Thread.sleep(Long.parseLong(arguments.get(1)));
        }
      });
      Events.eachLine(words -> { });
      return null;
    });
  }

  private static void dialAll(DefaultX509Source source, List<String> targets) {
    for (String target : targets) {
      try {
        greet(source, target);
      } catch (Exception error) {
        Events.emit("refused", Map.of("target", target, "message", String.valueOf(error)));
      }
    }
  }

  private static void greet(DefaultX509Source source, String target) throws Exception {
    boolean libraryDefault = target.startsWith("default@");
    String[] parts = (libraryDefault ? target.substring("default@".length()) : target).split("@");
    SSLContext context = context(source, parts[0], libraryDefault);
    try (SSLSocket connection = (SSLSocket) context.getSocketFactory().createSocket()) {
      connection.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(parts[1])), PATIENCE_MS);
      connection.setSoTimeout(PATIENCE_MS);
      connection.getOutputStream().write("hello from java\n".getBytes());
      String text = readLine(connection);
      X509Certificate leaf = leafOf(connection);
      Events.emit("connected", Map.of(
          "target", target, "peer", idOf(leaf), "text", text, "serial", Material.serialOf(leaf),
          "protocol", connection.getSession().getProtocol().replace("TLSv", "TLS ")));
    }
  }

  private static String readLine(SSLSocket connection) throws IOException {
    String line = new BufferedReader(new InputStreamReader(connection.getInputStream())).readLine();
    if (line == null) throw new EOFException("the peer closed the connection");
    return line;
  }

  private static X509Certificate leafOf(SSLSocket connection) throws IOException {
    return (X509Certificate) connection.getSession().getPeerCertificates()[0];
  }

  /** The only URI among the names of the certificate. */
  private static String idOf(X509Certificate leaf) throws Exception {
    for (List<?> name : leaf.getSubjectAlternativeNames()) if (name.get(0).equals(6)) return (String) name.get(1);
    throw new IOException("a certificate without a URI");
  }

  private interface Work {
    void run() throws Exception;
  }

  private static void start(Work work) {
    Thread thread = new Thread(() -> {
      try {
        work.run();
      } catch (Exception error) {
        Events.emitError("error", Map.of("call", "thread"), error);
      }
    });
    thread.setDaemon(true);
    thread.start();
  }

  private Tls() {
  }
}
