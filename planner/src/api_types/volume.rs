//! Volumes of a Pod and what they project. Source and order as in [`super::pod`].

use super::container::{OBJECT_FIELD_SELECTOR, RESOURCE_FIELD_SELECTOR};
use super::pod::{LABEL_SELECTOR, LOCAL_OBJECT_REFERENCE, OBJECT_META};
use super::{BOOL, INT32, INT64, Object, QUANTITY, STRING, field, list, map, object};

static AWS_ELASTIC_BLOCK_STORE_VOLUME_SOURCE: Object = Object {
    name: "AWSElasticBlockStoreVolumeSource",
    fields: &[
        field("volumeID", STRING),
        field("fsType", STRING).omitempty(),
        field("partition", INT32).omitempty(),
        field("readOnly", BOOL).omitempty(),
    ],
};

static AZURE_DISK_VOLUME_SOURCE: Object = Object {
    name: "AzureDiskVolumeSource",
    fields: &[
        field("diskName", STRING),
        field("diskURI", STRING),
        field("cachingMode", STRING).pointer().omitempty(),
        field("fsType", STRING).pointer().omitempty(),
        field("readOnly", BOOL).pointer().omitempty(),
        field("kind", STRING).pointer().omitempty(),
    ],
};

static AZURE_FILE_VOLUME_SOURCE: Object = Object {
    name: "AzureFileVolumeSource",
    fields: &[
        field("secretName", STRING),
        field("shareName", STRING),
        field("readOnly", BOOL).omitempty(),
    ],
};

static CEPH_FS_VOLUME_SOURCE: Object = Object {
    name: "CephFSVolumeSource",
    fields: &[
        field("monitors", list(&STRING)),
        field("path", STRING).omitempty(),
        field("user", STRING).omitempty(),
        field("secretFile", STRING).omitempty(),
        field("secretRef", object(&LOCAL_OBJECT_REFERENCE))
            .pointer()
            .omitempty(),
        field("readOnly", BOOL).omitempty(),
    ],
};

static CINDER_VOLUME_SOURCE: Object = Object {
    name: "CinderVolumeSource",
    fields: &[
        field("volumeID", STRING),
        field("fsType", STRING).omitempty(),
        field("readOnly", BOOL).omitempty(),
        field("secretRef", object(&LOCAL_OBJECT_REFERENCE))
            .pointer()
            .omitempty(),
    ],
};

static CLUSTER_TRUST_BUNDLE_PROJECTION: Object = Object {
    name: "ClusterTrustBundleProjection",
    fields: &[
        field("name", STRING).pointer().omitempty(),
        field("signerName", STRING).pointer().omitempty(),
        field("labelSelector", object(&LABEL_SELECTOR))
            .pointer()
            .omitempty(),
        field("optional", BOOL).pointer().omitempty(),
        field("path", STRING),
    ],
};

static CONFIG_MAP_PROJECTION: Object = Object {
    name: "ConfigMapProjection",
    fields: &[
        field("name", STRING).omitempty(),
        field("items", list(&object(&KEY_TO_PATH))).omitempty(),
        field("optional", BOOL).pointer().omitempty(),
    ],
};

static CONFIG_MAP_VOLUME_SOURCE: Object = Object {
    name: "ConfigMapVolumeSource",
    fields: &[
        field("name", STRING).omitempty(),
        field("items", list(&object(&KEY_TO_PATH))).omitempty(),
        field("defaultMode", INT32).pointer().omitempty(),
        field("optional", BOOL).pointer().omitempty(),
    ],
};

static CSI_VOLUME_SOURCE: Object = Object {
    name: "CSIVolumeSource",
    fields: &[
        field("driver", STRING),
        field("readOnly", BOOL).pointer().omitempty(),
        field("fsType", STRING).pointer().omitempty(),
        field("volumeAttributes", map(&STRING)).omitempty(),
        field("nodePublishSecretRef", object(&LOCAL_OBJECT_REFERENCE))
            .pointer()
            .omitempty(),
    ],
};

static DOWNWARD_API_PROJECTION: Object = Object {
    name: "DownwardAPIProjection",
    fields: &[field("items", list(&object(&DOWNWARD_API_VOLUME_FILE))).omitempty()],
};

static DOWNWARD_API_VOLUME_FILE: Object = Object {
    name: "DownwardAPIVolumeFile",
    fields: &[
        field("path", STRING),
        field("fieldRef", object(&OBJECT_FIELD_SELECTOR))
            .pointer()
            .omitempty(),
        field("resourceFieldRef", object(&RESOURCE_FIELD_SELECTOR))
            .pointer()
            .omitempty(),
        field("mode", INT32).pointer().omitempty(),
    ],
};

static DOWNWARD_API_VOLUME_SOURCE: Object = Object {
    name: "DownwardAPIVolumeSource",
    fields: &[
        field("items", list(&object(&DOWNWARD_API_VOLUME_FILE))).omitempty(),
        field("defaultMode", INT32).pointer().omitempty(),
    ],
};

static EMPTY_DIR_VOLUME_SOURCE: Object = Object {
    name: "EmptyDirVolumeSource",
    fields: &[
        field("medium", STRING).omitempty(),
        field("sizeLimit", QUANTITY).pointer().omitempty(),
    ],
};

static EPHEMERAL_VOLUME_SOURCE: Object = Object {
    name: "EphemeralVolumeSource",
    fields: &[field(
        "volumeClaimTemplate",
        object(&PERSISTENT_VOLUME_CLAIM_TEMPLATE),
    )
    .pointer()
    .omitempty()],
};

static FC_VOLUME_SOURCE: Object = Object {
    name: "FCVolumeSource",
    fields: &[
        field("targetWWNs", list(&STRING)).omitempty(),
        field("lun", INT32).pointer().omitempty(),
        field("fsType", STRING).omitempty(),
        field("readOnly", BOOL).omitempty(),
        field("wwids", list(&STRING)).omitempty(),
    ],
};

static FLEX_VOLUME_SOURCE: Object = Object {
    name: "FlexVolumeSource",
    fields: &[
        field("driver", STRING),
        field("fsType", STRING).omitempty(),
        field("secretRef", object(&LOCAL_OBJECT_REFERENCE))
            .pointer()
            .omitempty(),
        field("readOnly", BOOL).omitempty(),
        field("options", map(&STRING)).omitempty(),
    ],
};

static FLOCKER_VOLUME_SOURCE: Object = Object {
    name: "FlockerVolumeSource",
    fields: &[
        field("datasetName", STRING).omitempty(),
        field("datasetUUID", STRING).omitempty(),
    ],
};

static GCE_PERSISTENT_DISK_VOLUME_SOURCE: Object = Object {
    name: "GCEPersistentDiskVolumeSource",
    fields: &[
        field("pdName", STRING),
        field("fsType", STRING).omitempty(),
        field("partition", INT32).omitempty(),
        field("readOnly", BOOL).omitempty(),
    ],
};

static GIT_REPO_VOLUME_SOURCE: Object = Object {
    name: "GitRepoVolumeSource",
    fields: &[
        field("repository", STRING),
        field("revision", STRING).omitempty(),
        field("directory", STRING).omitempty(),
    ],
};

static GLUSTERFS_VOLUME_SOURCE: Object = Object {
    name: "GlusterfsVolumeSource",
    fields: &[
        field("endpoints", STRING),
        field("path", STRING),
        field("readOnly", BOOL).omitempty(),
    ],
};

static HOST_PATH_VOLUME_SOURCE: Object = Object {
    name: "HostPathVolumeSource",
    fields: &[
        field("path", STRING),
        field("type", STRING).pointer().omitempty(),
    ],
};

static IMAGE_VOLUME_SOURCE: Object = Object {
    name: "ImageVolumeSource",
    fields: &[
        field("reference", STRING).omitempty(),
        field("pullPolicy", STRING).omitempty(),
    ],
};

static ISCSI_VOLUME_SOURCE: Object = Object {
    name: "ISCSIVolumeSource",
    fields: &[
        field("targetPortal", STRING),
        field("iqn", STRING),
        field("lun", INT32),
        field("iscsiInterface", STRING).omitempty(),
        field("fsType", STRING).omitempty(),
        field("readOnly", BOOL).omitempty(),
        field("portals", list(&STRING)).omitempty(),
        field("chapAuthDiscovery", BOOL).omitempty(),
        field("chapAuthSession", BOOL).omitempty(),
        field("secretRef", object(&LOCAL_OBJECT_REFERENCE))
            .pointer()
            .omitempty(),
        field("initiatorName", STRING).pointer().omitempty(),
    ],
};

static KEY_TO_PATH: Object = Object {
    name: "KeyToPath",
    fields: &[
        field("key", STRING),
        field("path", STRING),
        field("mode", INT32).pointer().omitempty(),
    ],
};

static NFS_VOLUME_SOURCE: Object = Object {
    name: "NFSVolumeSource",
    fields: &[
        field("server", STRING),
        field("path", STRING),
        field("readOnly", BOOL).omitempty(),
    ],
};

static PERSISTENT_VOLUME_CLAIM_SPEC: Object = Object {
    name: "PersistentVolumeClaimSpec",
    fields: &[
        field("accessModes", list(&STRING)).omitempty(),
        field("selector", object(&LABEL_SELECTOR))
            .pointer()
            .omitempty(),
        field("resources", object(&VOLUME_RESOURCE_REQUIREMENTS)).omitempty(),
        field("volumeName", STRING).omitempty(),
        field("storageClassName", STRING).pointer().omitempty(),
        field("volumeMode", STRING).pointer().omitempty(),
        field("dataSource", object(&TYPED_LOCAL_OBJECT_REFERENCE))
            .pointer()
            .omitempty(),
        field("dataSourceRef", object(&TYPED_OBJECT_REFERENCE))
            .pointer()
            .omitempty(),
        field("volumeAttributesClassName", STRING)
            .pointer()
            .omitempty(),
    ],
};

static PERSISTENT_VOLUME_CLAIM_TEMPLATE: Object = Object {
    name: "PersistentVolumeClaimTemplate",
    fields: &[
        field("metadata", object(&OBJECT_META)).omitempty(),
        field("spec", object(&PERSISTENT_VOLUME_CLAIM_SPEC)),
    ],
};

static PERSISTENT_VOLUME_CLAIM_VOLUME_SOURCE: Object = Object {
    name: "PersistentVolumeClaimVolumeSource",
    fields: &[
        field("claimName", STRING),
        field("readOnly", BOOL).omitempty(),
    ],
};

static PHOTON_PERSISTENT_DISK_VOLUME_SOURCE: Object = Object {
    name: "PhotonPersistentDiskVolumeSource",
    fields: &[field("pdID", STRING), field("fsType", STRING).omitempty()],
};

static POD_CERTIFICATE_PROJECTION: Object = Object {
    name: "PodCertificateProjection",
    fields: &[
        field("signerName", STRING).omitempty(),
        field("keyType", STRING).omitempty(),
        field("maxExpirationSeconds", INT32).pointer().omitempty(),
        field("credentialBundlePath", STRING).omitempty(),
        field("keyPath", STRING).omitempty(),
        field("certificateChainPath", STRING).omitempty(),
        field("userAnnotations", map(&STRING)).omitempty(),
    ],
};

static PORTWORX_VOLUME_SOURCE: Object = Object {
    name: "PortworxVolumeSource",
    fields: &[
        field("volumeID", STRING),
        field("fsType", STRING).omitempty(),
        field("readOnly", BOOL).omitempty(),
    ],
};

static PROJECTED_VOLUME_SOURCE: Object = Object {
    name: "ProjectedVolumeSource",
    fields: &[
        field("sources", list(&object(&VOLUME_PROJECTION))),
        field("defaultMode", INT32).pointer().omitempty(),
    ],
};

static QUOBYTE_VOLUME_SOURCE: Object = Object {
    name: "QuobyteVolumeSource",
    fields: &[
        field("registry", STRING),
        field("volume", STRING),
        field("readOnly", BOOL).omitempty(),
        field("user", STRING).omitempty(),
        field("group", STRING).omitempty(),
        field("tenant", STRING).omitempty(),
    ],
};

static RBD_VOLUME_SOURCE: Object = Object {
    name: "RBDVolumeSource",
    fields: &[
        field("monitors", list(&STRING)),
        field("image", STRING),
        field("fsType", STRING).omitempty(),
        field("pool", STRING).omitempty(),
        field("user", STRING).omitempty(),
        field("keyring", STRING).omitempty(),
        field("secretRef", object(&LOCAL_OBJECT_REFERENCE))
            .pointer()
            .omitempty(),
        field("readOnly", BOOL).omitempty(),
    ],
};

static SCALE_IO_VOLUME_SOURCE: Object = Object {
    name: "ScaleIOVolumeSource",
    fields: &[
        field("gateway", STRING),
        field("system", STRING),
        field("secretRef", object(&LOCAL_OBJECT_REFERENCE)).pointer(),
        field("sslEnabled", BOOL).omitempty(),
        field("protectionDomain", STRING).omitempty(),
        field("storagePool", STRING).omitempty(),
        field("storageMode", STRING).omitempty(),
        field("volumeName", STRING).omitempty(),
        field("fsType", STRING).omitempty(),
        field("readOnly", BOOL).omitempty(),
    ],
};

static SECRET_PROJECTION: Object = Object {
    name: "SecretProjection",
    fields: &[
        field("name", STRING).omitempty(),
        field("items", list(&object(&KEY_TO_PATH))).omitempty(),
        field("optional", BOOL).pointer().omitempty(),
    ],
};

static SECRET_VOLUME_SOURCE: Object = Object {
    name: "SecretVolumeSource",
    fields: &[
        field("secretName", STRING).omitempty(),
        field("items", list(&object(&KEY_TO_PATH))).omitempty(),
        field("defaultMode", INT32).pointer().omitempty(),
        field("optional", BOOL).pointer().omitempty(),
    ],
};

static SERVICE_ACCOUNT_TOKEN_PROJECTION: Object = Object {
    name: "ServiceAccountTokenProjection",
    fields: &[
        field("audience", STRING).omitempty(),
        field("expirationSeconds", INT64).pointer().omitempty(),
        field("path", STRING),
    ],
};

static STORAGE_OS_VOLUME_SOURCE: Object = Object {
    name: "StorageOSVolumeSource",
    fields: &[
        field("volumeName", STRING).omitempty(),
        field("volumeNamespace", STRING).omitempty(),
        field("fsType", STRING).omitempty(),
        field("readOnly", BOOL).omitempty(),
        field("secretRef", object(&LOCAL_OBJECT_REFERENCE))
            .pointer()
            .omitempty(),
    ],
};

static TYPED_LOCAL_OBJECT_REFERENCE: Object = Object {
    name: "TypedLocalObjectReference",
    fields: &[
        field("apiGroup", STRING).pointer(),
        field("kind", STRING),
        field("name", STRING),
    ],
};

static TYPED_OBJECT_REFERENCE: Object = Object {
    name: "TypedObjectReference",
    fields: &[
        field("apiGroup", STRING).pointer(),
        field("kind", STRING),
        field("name", STRING),
        field("namespace", STRING).pointer().omitempty(),
    ],
};

pub(super) static VOLUME: Object = Object {
    name: "Volume",
    fields: &[
        field("name", STRING),
        field("hostPath", object(&HOST_PATH_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("emptyDir", object(&EMPTY_DIR_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field(
            "gcePersistentDisk",
            object(&GCE_PERSISTENT_DISK_VOLUME_SOURCE),
        )
        .pointer()
        .omitempty(),
        field(
            "awsElasticBlockStore",
            object(&AWS_ELASTIC_BLOCK_STORE_VOLUME_SOURCE),
        )
        .pointer()
        .omitempty(),
        field("gitRepo", object(&GIT_REPO_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("secret", object(&SECRET_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("nfs", object(&NFS_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("iscsi", object(&ISCSI_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("glusterfs", object(&GLUSTERFS_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field(
            "persistentVolumeClaim",
            object(&PERSISTENT_VOLUME_CLAIM_VOLUME_SOURCE),
        )
        .pointer()
        .omitempty(),
        field("rbd", object(&RBD_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("flexVolume", object(&FLEX_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("cinder", object(&CINDER_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("cephfs", object(&CEPH_FS_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("flocker", object(&FLOCKER_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("downwardAPI", object(&DOWNWARD_API_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("fc", object(&FC_VOLUME_SOURCE)).pointer().omitempty(),
        field("azureFile", object(&AZURE_FILE_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("configMap", object(&CONFIG_MAP_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("vsphereVolume", object(&VSPHERE_VIRTUAL_DISK_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("quobyte", object(&QUOBYTE_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("azureDisk", object(&AZURE_DISK_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field(
            "photonPersistentDisk",
            object(&PHOTON_PERSISTENT_DISK_VOLUME_SOURCE),
        )
        .pointer()
        .omitempty(),
        field("projected", object(&PROJECTED_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("portworxVolume", object(&PORTWORX_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("scaleIO", object(&SCALE_IO_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("storageos", object(&STORAGE_OS_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("csi", object(&CSI_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("ephemeral", object(&EPHEMERAL_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
        field("image", object(&IMAGE_VOLUME_SOURCE))
            .pointer()
            .omitempty(),
    ],
};

static VOLUME_PROJECTION: Object = Object {
    name: "VolumeProjection",
    fields: &[
        field("secret", object(&SECRET_PROJECTION))
            .pointer()
            .omitempty(),
        field("downwardAPI", object(&DOWNWARD_API_PROJECTION))
            .pointer()
            .omitempty(),
        field("configMap", object(&CONFIG_MAP_PROJECTION))
            .pointer()
            .omitempty(),
        field(
            "serviceAccountToken",
            object(&SERVICE_ACCOUNT_TOKEN_PROJECTION),
        )
        .pointer()
        .omitempty(),
        field(
            "clusterTrustBundle",
            object(&CLUSTER_TRUST_BUNDLE_PROJECTION),
        )
        .pointer()
        .omitempty(),
        field("podCertificate", object(&POD_CERTIFICATE_PROJECTION))
            .pointer()
            .omitempty(),
    ],
};

static VOLUME_RESOURCE_REQUIREMENTS: Object = Object {
    name: "VolumeResourceRequirements",
    fields: &[
        field("limits", map(&QUANTITY)).omitempty(),
        field("requests", map(&QUANTITY)).omitempty(),
    ],
};

static VSPHERE_VIRTUAL_DISK_VOLUME_SOURCE: Object = Object {
    name: "VsphereVirtualDiskVolumeSource",
    fields: &[
        field("volumePath", STRING),
        field("fsType", STRING).omitempty(),
        field("storagePolicyName", STRING).omitempty(),
        field("storagePolicyID", STRING).omitempty(),
    ],
};
