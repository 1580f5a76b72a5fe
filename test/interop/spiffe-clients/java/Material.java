import com.google.gson.JsonParser;
import io.spiffe.bundle.jwtbundle.JwtBundleSet;
import io.spiffe.bundle.x509bundle.X509BundleSet;
import io.spiffe.svid.jwtsvid.JwtSvid;
import io.spiffe.svid.x509svid.X509Svid;
import io.spiffe.workloadapi.X509Context;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.cert.X509Certificate;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/** What the library holds, as the events tell it. */
final class Material {
  static Map<String, Object> svid(X509Svid svid) {
    return Map.of(
        "id", svid.getSpiffeId().toString(),
        "serial", serialOf(svid.getLeaf()),
        "notAfter", svid.getLeaf().getNotAfter().getTime() / 1000,
        "hint", Objects.toString(svid.getHint(), ""),
        "chain", svid.getChain().size());
  }

  static String serialOf(X509Certificate certificate) {
    return certificate.getSerialNumber().toString(16);
  }

  static Map<String, Object> context(X509Context context) {
    return Map.of(
        "svids", context.getX509Svids().stream().map(Material::svid).toList(),
        "bundles", x509Bundles(context.getX509BundleSet()));
  }

  /** The SHA-256 of every authority, by trust domain. */
  static Map<String, List<String>> x509Bundles(X509BundleSet set) {
    Map<String, List<String>> bundles = new TreeMap<>();
    set.getBundles().forEach((name, bundle) ->
        bundles.put(name.toString(), bundle.getX509Authorities().stream().map(Material::hash).toList()));
    return bundles;
  }

  /** Every key id, by trust domain. */
  static Map<String, List<String>> jwtBundles(JwtBundleSet set) {
    Map<String, List<String>> bundles = new TreeMap<>();
    set.getBundles().forEach((name, bundle) -> bundles.put(name.toString(), List.copyOf(bundle.getJwtAuthorities().keySet())));
    return bundles;
  }

  static List<Map<String, Object>> tokens(List<JwtSvid> svids) {
    return svids.stream().map(svid -> Map.<String, Object>of(
        "id", svid.getSpiffeId().toString(),
        "audience", svid.getAudience(),
        "exp", svid.getExpiry().getTime() / 1000,
        "hint", Objects.toString(svid.getHint(), ""),
        "token", svid.getToken(),
        "kid", keyIdOf(svid.getToken()))).toList();
  }

  private static String keyIdOf(String token) {
    String header = new String(Base64.getUrlDecoder().decode(token.split("\\.")[0]));
    return JsonParser.parseString(header).getAsJsonObject().get("kid").getAsString();
  }

  private static String hash(X509Certificate certificate) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(certificate.getEncoded()));
    } catch (GeneralSecurityException error) {
      throw new IllegalStateException(error);
    }
  }

  private Material() {
  }
}
